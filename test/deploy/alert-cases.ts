/** For each alert the series that make it fire, and similar ones that do not. Samples are 15 seconds apart. */

export interface AlertCase {
  readonly alert: string;
  readonly fires: Series;
  /** The labels of the alert, without its name and severity. */
  readonly labels: Readonly<Record<string, string>>;
  readonly silent: Series;
}

/** Values by series, in promtool's notation: `_` is no sample, `0x20` is 21 zeros, `0+15x80` counts up by 15. */
export type Series = Readonly<Record<string, string>>;

const production = 'namespace="production",job="gumbel-sampler-eu",instance="a"';
const staging = 'namespace="staging",job="gumbel-sampler-eu",instance="b"';
const ofJob = { namespace: 'production', job: 'gumbel-sampler-eu' };
const ofInstance = { ...ofJob, instance: 'a' };

/** 10 minutes of starts a minute apart, of a process that Prometheus misses for one scrape each time. */
const restarting = Array.from({ length: 10 }, (_, start) => `_ ${start * 60} ${start * 60} ${start * 60}`).join(' ');

export const alertCases: readonly AlertCase[] = [
  {
    // A process begins its series at 0; the first 500s come with the second sample.
    alert: 'GumbelSamplerFails',
    fires: { [`gumbel_http_errors_total{${production},code="internal"}`]: '_x35 0 5x10' },
    labels: ofJob,
    silent: {
      [`gumbel_http_errors_total{${production},code="internal"}`]: '0x60',
      [`gumbel_http_errors_total{${production},code="validation"}`]: '0+5x60',
    },
  },
  {
    alert: 'GumbelSamplerLosesWorkers',
    fires: { [`gumbel_worker_restarts_total{${production}}`]: '0x20 3x40' },
    labels: ofInstance,
    silent: { [`gumbel_worker_restarts_total{${production}}`]: '0x20 2x40' },
  },
  {
    alert: 'GumbelSamplerLosesProcesses',
    fires: { [`gumbel_process_restarts_total{${production}}`]: '0x20 3x40' },
    labels: ofInstance,
    silent: { [`gumbel_process_restarts_total{${production}}`]: '0x20 2x40' },
  },
  {
    alert: 'GumbelSamplerRestarts',
    fires: { [`process_start_time_seconds{${production}}`]: restarting },
    labels: ofInstance,
    silent: {
      [`process_start_time_seconds{${production}}`]: '0x15 300x45',
      'process_start_time_seconds{namespace="production",job="something-else",instance="c"}': restarting,
    },
  },
  {
    alert: 'GumbelSamplerUnready',
    fires: { [`gumbel_processes_ready{${production}}`]: '0x60', [`gumbel_processes_ready{${staging}}`]: '1x60' },
    labels: ofInstance,
    silent: { [`gumbel_processes_ready{${production}}`]: '0x5 2x55' },
  },
  {
    alert: 'GumbelSamplerTurnsRequestsAway',
    fires: {
      [`gumbel_requests_shed_total{${production},reason="overloaded"}`]: '0+15x60',
      [`gumbel_http_requests_total{${production},method="POST",route="/sample",status="503"}`]: '0+15x60',
      [`gumbel_http_requests_total{${production},method="POST",route="/sample",status="200"}`]: '0+15x60',
    },
    labels: { ...ofJob, reason: 'overloaded' },
    silent: {
      [`gumbel_requests_shed_total{${production},reason="quota-exceeded"}`]: '0+15x60',
      [`gumbel_requests_shed_total{${production},reason="overloaded"}`]: '0+1x60',
      [`gumbel_http_requests_total{${production},method="POST",route="/sample",status="200"}`]: '0+150x60',
    },
  },
  {
    alert: 'GumbelSamplerQueueIsSlow',
    fires: {
      [`gumbel_queue_wait_seconds_bucket{${production},le="1"}`]: '0+1x60',
      [`gumbel_queue_wait_seconds_bucket{${production},le="2.5"}`]: '0+15x60',
      [`gumbel_queue_wait_seconds_bucket{${production},le="+Inf"}`]: '0+15x60',
    },
    labels: ofJob,
    silent: {
      [`gumbel_queue_wait_seconds_bucket{${production},le="0.1"}`]: '0+15x60',
      [`gumbel_queue_wait_seconds_bucket{${production},le="1"}`]: '0+15x60',
      [`gumbel_queue_wait_seconds_bucket{${production},le="+Inf"}`]: '0+15x60',
    },
  },
  {
    alert: 'GumbelSamplerEventLoopLags',
    fires: { [`nodejs_eventloop_lag_p99_seconds{${production}}`]: '0.2x60' },
    labels: ofInstance,
    silent: { [`nodejs_eventloop_lag_p99_seconds{${production}}`]: '0.02x60' },
  },
  {
    alert: 'GumbelSamplerDropsLogLines',
    fires: { [`gumbel_log_lines_dropped_total{${production}}`]: '0x20 40x40' },
    labels: ofInstance,
    silent: { [`gumbel_log_lines_dropped_total{${production}}`]: '0x60' },
  },
  {
    // An instance of the same name in another namespace answers.
    alert: 'GumbelSamplerDown',
    fires: { [`up{${production}}`]: '0x60', [`up{${staging}}`]: '1x60' },
    labels: ofJob,
    silent: {
      [`up{${production}}`]: '1x60',
      'up{namespace="production",job="gumbel-sampler-eu",instance="c"}': '0x60',
    },
  },
  {
    alert: 'GumbelSamplerHasNoReplicas',
    fires: {
      'kube_deployment_status_replicas_available{namespace="production",deployment="gumbel-sampler"}': '0x60',
    },
    labels: { namespace: 'production', deployment: 'gumbel-sampler' },
    silent: {
      'kube_deployment_status_replicas_available{namespace="production",deployment="gumbel-sampler"}': '2x60',
      'kube_deployment_status_replicas_available{namespace="production",deployment="something-else"}': '0x60',
    },
  },
];

/**
 * Types of the custom resources that deploy/kubernetes uses, as far as it uses them: KServe's serving.kserve.io
 * (v1alpha1 ServingRuntime, v1beta1 InferenceService) and Prometheus Operator's monitoring.coreos.com/v1. Kubernetes'
 * own are in kubernetes-types.
 */
import type { DeploymentStrategy } from 'kubernetes-types/apps/v1.js';
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import type { LabelSelector, ObjectMeta } from 'kubernetes-types/meta/v1.js';

type ProtocolVersion = 'v1' | 'v2' | 'grpc-v1' | 'grpc-v2';

interface ModelFormat {
  name: string;
  version?: string;
}

export interface ServingRuntime {
  apiVersion: 'serving.kserve.io/v1alpha1';
  kind: 'ServingRuntime';
  metadata: ObjectMeta;
  spec: {
    supportedModelFormats: (ModelFormat & { autoSelect?: boolean; priority?: number })[];
    protocolVersions?: ProtocolVersion[];
    multiModel?: boolean;
    disabled?: boolean;
    containers: Container[];
  };
}

/** The predictor is a pod whose containers KServe takes from the runtime. */
interface Predictor extends Omit<PodSpec, 'containers'> {
  minReplicas?: number;
  maxReplicas?: number;
  scaleMetric?: 'cpu' | 'memory' | 'concurrency' | 'rps';
  scaleTarget?: number;
  /** Seconds. */
  timeout?: number;
  deploymentStrategy?: DeploymentStrategy;
  model: {
    runtime?: string;
    protocolVersion?: ProtocolVersion;
    modelFormat: ModelFormat;
    storageUri?: string;
  } & Partial<Container>;
}

export interface InferenceService {
  apiVersion: 'serving.kserve.io/v1beta1';
  kind: 'InferenceService';
  metadata: ObjectMeta;
  spec: { predictor: Predictor };
}

type Duration = `${number}${'ms' | 's' | 'm' | 'h'}`;

export interface ServiceMonitor {
  apiVersion: 'monitoring.coreos.com/v1';
  kind: 'ServiceMonitor';
  metadata: ObjectMeta;
  spec: {
    selector: LabelSelector;
    endpoints: { port: string; path?: string; interval?: Duration; scrapeTimeout?: Duration }[];
  };
}

export interface PrometheusRule {
  apiVersion: 'monitoring.coreos.com/v1';
  kind: 'PrometheusRule';
  metadata: ObjectMeta;
  spec: {
    groups: {
      name: string;
      rules: {
        alert: string;
        expr: string;
        for?: Duration;
        labels: { severity: 'info' | 'warning' | 'critical' };
        annotations: { summary: string; description: string };
      }[];
    }[];
  };
}

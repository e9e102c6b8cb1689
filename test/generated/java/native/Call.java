import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Arrays;
import java.util.Collections;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.OpenInferenceProtocolApi;
import org.openapitools.client.api.SamplingApi;
import org.openapitools.client.model.*;

/** Calls the service through the client that openapi-generator makes; compiles only if its types are the ones people expect. */
public class Call {
    private static void check(boolean isRight, String what, Object got) {
        if (!isRight) throw new IllegalStateException(what + " gave " + got);
    }

    private static LogitsRow row(Float... numbers) {
        LogitsRow row = new LogitsRow();
        Collections.addAll(row, numbers);
        return row;
    }

    public static void main(String[] arguments) throws Exception {
        // Or Jackson reads 42 as a string too, and the generated code refuses what fits two types. In turn it does not read 1 as a float, so
        // the temperatures here are none that JSON prints as an integer.
        ObjectMapper mapper = ApiClient.createDefaultObjectMapper();
        mapper.configure(MapperFeature.ALLOW_COERCION_OF_SCALARS, false);
        ApiClient client = new ApiClient();
        client.setObjectMapper(mapper);
        client.updateBaseUri(arguments[0]);
        draw(new SamplingApi(client));
        infer(new OpenInferenceProtocolApi(client));
    }

    private static void draw(SamplingApi api) throws Exception {
        LogitsRows rows = new LogitsRows();
        Collections.addAll(rows, row(1f, 0.5f, -1f), row(0f, null, 0f));
        ExponentialSchedule schedule = new ExponentialSchedule()
            .schedule(ExponentialSchedule.ScheduleEnum.EXPONENTIAL).initial(1.0).minimum(0.5).rate(1e-4).step(3000L);
        SampleRequest request = new SampleRequest()
            .logits(new Logits(rows))
            .temperature(new Temperature(new TemperatureSchedule(schedule)))
            .seed(new Seed("18446744073709551615"));
        SampleReply reply = api.sample(request);
        Float32Matrix samples = (Float32Matrix) reply.getSamples().getActualInstance();
        check(samples.size() == 2 && samples.get(1).get(1) == 0, "POST /sample", reply);
        check(reply.getSeed().getActualInstance().equals("18446744073709551615"), "POST /sample", reply);
        try {
            api.sample(new SampleRequest().logits(new Logits(row(1f, 2f))).seed(new Seed(-1L)));
            check(false, "a wrong seed", "no error");
        } catch (ApiException error) {
            check(error.getCode() == 422 && error.getResponseBody().contains("invalid-seed"), "a wrong seed", error);
        }
        Float32Vector cotangent = new Float32Vector();
        Collections.addAll(cotangent, 1f, 0f);
        VjpReply gradient = api.sampleVjp(new VjpRequest()
            .logits(new Logits(row(1f, 2f)))
            .seed(new Seed(42L))
            .temperature(new Temperature(0.5f))
            .cotangent(new VjpRequestCotangent(cotangent)));
        check(gradient.getEstimator() == Estimator.STRAIGHT_THROUGH, "POST /sample/vjp", gradient);
    }

    private static void infer(OpenInferenceProtocolApi api) throws Exception {
        Tensor tensor = new Tensor()
            .name("logits").shape(Arrays.asList(1L, 3L)).datatype(Datatype.FP32).data(Arrays.asList(1f, 0.5f, -1f));
        InferRequest request = new InferRequest()
            .inputs(Collections.singletonList(tensor)).parameters(new InferParameters().seed(new OneSeed(42L)));
        InferReply reply = api.inferGumbelSoftmax(request, null);
        check(reply.getOutputs().get(1).getDatatype() == Datatype.INT64, "inference", reply);
    }
}

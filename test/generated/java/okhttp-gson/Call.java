import java.util.Arrays;
import java.util.Collections;
import org.openapitools.client.ApiClient;
import org.openapitools.client.api.OpenInferenceProtocolApi;
import org.openapitools.client.model.*;

/** Calls the service through the client of the default library. */
public class Call {
    public static void main(String[] arguments) throws Exception {
        OpenInferenceProtocolApi api = new OpenInferenceProtocolApi(new ApiClient().setBasePath(arguments[0]));
        Tensor tensor = new Tensor()
            .name("logits").shape(Arrays.asList(1L, 3L)).datatype(Datatype.FP32).data(Arrays.asList(1f, 0.5f, -1f));
        InferRequest request = new InferRequest()
            .inputs(Collections.singletonList(tensor))
            .parameters(new InferParameters().seed(new OneSeed(42L)));
        InferReply reply = api.inferGumbelSoftmax(request, null);
        OutputTensor indices = reply.getOutputs().get(1);
        if (indices.getDatatype() != Datatype.INT64) throw new IllegalStateException("inference gave " + reply);
    }
}

// Calls the service through the client that oapi-codegen generates; compiles only if its types are the ones people expect.
package main

import (
	"context"
	"log"
	"os"
)

func check(isRight bool, what string, got []byte) {
	if !isRight {
		log.Fatalf("oapi-codegen: %s gave %s", what, got)
	}
}

func must(err error) {
	if err != nil {
		log.Fatalf("oapi-codegen: %v", err)
	}
}

func logitsOf(numbers ...float32) (logits Logits) {
	row := LogitsRow{}
	for _, number := range numbers {
		row = append(row, &number)
	}
	must(logits.FromLogitsRow(row))
	return logits
}

func main() {
	client, err := NewClientWithResponses(os.Args[1])
	must(err)
	ctx := context.Background()
	draw(ctx, client)
	refuse(ctx, client)
	differentiate(ctx, client)
	infer(ctx, client)
}

func draw(ctx context.Context, client *ClientWithResponses) {
	one, half, minusOne, zero := float32(1), float32(0.5), float32(-1), float32(0)
	request := SampleRequest{}
	must(request.Logits.FromLogitsRows(LogitsRows{{&one, &half, &minusOne}, {&zero, nil, &zero}}))
	var schedule TemperatureSchedule
	must(schedule.FromExponentialSchedule(ExponentialSchedule{Initial: 1, Minimum: 0.5, Rate: 1e-4, Step: 3000}))
	request.Temperature = &Temperature{}
	must(request.Temperature.FromTemperatureSchedule(schedule))
	request.Seed = &Seed{}
	must(request.Seed.FromSeedDigits("18446744073709551615"))
	reply, err := client.SampleWithResponse(ctx, request)
	must(err)
	check(reply.JSON200 != nil && reply.JSON200.Samples != nil, "POST /sample", reply.Body)
	samples, err := reply.JSON200.Samples.AsFloat32Matrix()
	must(err)
	check(len(samples) == 2 && samples[1][1] == 0, "POST /sample", reply.Body)
	// What came back replays the draw as it is.
	request.Seed = &reply.JSON200.Seed
	again, err := client.SampleWithResponse(ctx, request)
	must(err)
	check(string(again.Body) == string(reply.Body), "POST /sample with the seed of the reply", again.Body)
}

func refuse(ctx context.Context, client *ClientWithResponses) {
	request := SampleRequest{Logits: logitsOf(1, 2), Seed: &Seed{}}
	must(request.Seed.FromSeedNumber(-1))
	reply, err := client.SampleWithResponse(ctx, request)
	must(err)
	problem := reply.ApplicationproblemJSON422
	check(problem != nil && problem.Type == "/problems/invalid-seed", "a wrong seed", reply.Body)
}

func differentiate(ctx context.Context, client *ClientWithResponses) {
	request := VjpRequest{Logits: logitsOf(1, 2)}
	must(request.Seed.FromSeedNumber(42))
	must(request.Cotangent.FromFloat32Vector(Float32Vector{1, 0}))
	reply, err := client.SampleVjpWithResponse(ctx, request)
	must(err)
	check(reply.JSON200 != nil && reply.JSON200.Estimator == StraightThrough, "POST /sample/vjp", reply.Body)
}

func infer(ctx context.Context, client *ClientWithResponses) {
	data := []any{1, 0.5, -1}
	seed := &OneSeed{}
	must(seed.FromSeedNumber(42))
	request := InferRequest{
		Parameters: &InferParameters{Seed: seed},
		Inputs:     []Tensor{{Name: "logits", Shape: []int64{1, 3}, Datatype: FP32, Data: &data}},
	}
	reply, err := client.InferGumbelSoftmaxWithResponse(ctx, nil, request)
	must(err)
	check(reply.JSON200 != nil && reply.JSON200.Outputs[1].Datatype == INT64, "inference", reply.Body)
}

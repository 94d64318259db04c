package sdk_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

func Example() {
	ctx := context.Background()
	card, err := sdk.New("unix:///run/cardplane/cardplane.sock")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = card.Close() }()
	command, remove := []string{"echo", "hello"}, true
	code, err := card.Run(ctx, cardapi.ContainerSpec{Image: "demo/python", Command: &command, AutoRemove: &remove}, sdk.Streams{Stdout: os.Stdout})
	if apierr.Is(err, "image_not_found") {
		log.Fatal("load the image first: ", err)
	}
	fmt.Println("exit code", code, err)
}

func ExampleClient_Logs() {
	ctx := context.Background()
	card, err := sdk.New("tcp://127.0.0.1:7070")
	if err != nil {
		log.Fatal(err)
	}
	follow := true
	records, err := card.Logs(ctx, "web", &cardapi.GetLogsParams{Follow: &follow})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = records.Close() }()
	for {
		record, err := records.Next(ctx)
		if err == io.EOF {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s", record.Data)
	}
}

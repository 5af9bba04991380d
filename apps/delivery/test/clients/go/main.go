// Prints what a user hears, one JSON object a line: client TOKEN URL
package main

import (
	"encoding/json"
	"os"
	"time"

	"github.com/centrifugal/centrifuge-go"
)

func main() {
	token, url := os.Args[1], os.Args[2]
	out := json.NewEncoder(os.Stdout)
	say := func(event string, value any) { _ = out.Encode(map[string]any{"event": event, "value": value}) }
	client := centrifuge.NewJsonClient(url, centrifuge.Config{
		Token:             token,
		MinReconnectDelay: 50 * time.Millisecond,
		MaxReconnectDelay: 500 * time.Millisecond,
	})
	client.OnPublication(func(e centrifuge.ServerPublicationEvent) { say("publication", json.RawMessage(e.Data)) })
	client.OnSubscribed(func(e centrifuge.ServerSubscribedEvent) {
		say("subscribed", map[string]bool{"wasRecovering": e.WasRecovering, "recovered": e.Recovered})
	})
	client.OnDisconnected(func(e centrifuge.DisconnectedEvent) { say("disconnected", e.Code) })
	if err := client.Connect(); err != nil {
		panic(err)
	}
	// Ends with the test, which holds the other end of standard input.
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// A Pub/Sub server in memory, for tests on machines without Google's emulator: HOST:PORT is its only argument.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"cloud.google.com/go/pubsub/v2/pstest"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: pubsub_server HOST:PORT")
		os.Exit(2)
	}
	server := pstest.NewServerWithAddress(os.Args[1])
	defer server.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
}

// Choria with the plugins that a test's nodes need: its command line as go-choria publishes it, as an ordinary module.
//
// The module alone is not enough. Its releases generate the loaders of the plugins when they are built, so what
// `go install github.com/choria-io/go-choria` makes refuses to run a server: "no agent providers present".
package main

import (
	"log"

	"github.com/choria-io/go-choria/aagent/watchers/execwatcher"
	"github.com/choria-io/go-choria/aagent/watchers/nagioswatcher"
	"github.com/choria-io/go-choria/aagent/watchers/timerwatcher"
	"github.com/choria-io/go-choria/cmd"
	"github.com/choria-io/go-choria/plugin"
	golang "github.com/choria-io/go-choria/providers/agent/mcorpc/golang"
)

func main() {
	// Registration and core plugins register themselves; agents and the watchers of autonomous agents do not.
	for name, loaded := range map[string]plugin.Pluggable{
		"golangmco":      golang.ChoriaPlugin(),
		"exec_watcher":   execwatcher.ChoriaPlugin(),
		"nagios_watcher": nagioswatcher.ChoriaPlugin(),
		"timer_watcher":  timerwatcher.ChoriaPlugin(),
	} {
		if err := plugin.Register(name, loaded); err != nil {
			log.Fatalf("plugin %s: %v", name, err)
		}
	}
	if err := cmd.ParseCLI(); err != nil {
		log.Fatalf("choria: %v", err)
	}
	if err := cmd.Run(); err != nil {
		log.Fatalf("choria: %v", err)
	}
}

package daemon

import (
	"context"
	"time"

	"classicha/drbdd/control"
)

// probeMirrors has drbdd, where it runs, ask its peers for a sign of life. A mirror whose peer
// died notices that by itself after ping-int only: till then writes wait, and a take-over of
// its device is refused while the dead one seems to be Primary.
func probeMirrors() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	// Without drbdd, or with one that is busy, everything goes on as before.
	_, _ = control.Call(ctx, control.Path(), control.Request{Cmd: "probe", Minor: -1})
}

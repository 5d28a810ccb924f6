package drbdadm

import (
	"fmt"

	"classicha/drbdd/status"
)

// What -V and the usage say we are: the tools of the 8.4 family.
const (
	version     = "8.4.11"
	versionCode = 0x08040b
	// kernelCode is what scripts compare with 0x080400.
	kernelCode = 0x080411
	apiVersion = 1
	buildTag   = status.Build
)

func (t *tool) printVersion() {
	fmt.Fprintf(t.out, "DRBDADM_BUILDTAG=%s\nDRBDADM_API_VERSION=%d\nDRBD_KERNEL_VERSION_CODE=0x%06x\nDRBDADM_VERSION_CODE=0x%06x\nDRBDADM_VERSION=%s\n",
		quoteWord(buildTag), apiVersion, kernelCode, versionCode, version)
}

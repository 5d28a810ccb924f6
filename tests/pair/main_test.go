package pair

import (
	"testing"

	"classicha/tests/drbd/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

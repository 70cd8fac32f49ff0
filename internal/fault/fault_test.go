package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"tenure/internal/fault"
)

func TestAFaultIsFoundInsideAWrappedError(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("commands: %w", fault.At("body.email", "email_invalid", "This is not an e-mail address."))
	if !fault.Is(err, "email_invalid") {
		t.Errorf("Is(%v) = false", err)
	}
	if got := fault.As(err); got == nil || got.Kind != fault.Invalid || got.Details[0].Location != "body.email" {
		t.Errorf("As = %+v", got)
	}
}

func TestAnOrdinaryErrorIsNoFault(t *testing.T) {
	t.Parallel()
	if got := fault.As(errors.New("boom")); got != nil {
		t.Errorf("As = %+v, want nil", got)
	}
	if fault.Is(nil, "") {
		t.Error("nil is a fault")
	}
}

package sbc_test

// mustBeSeen is each command with whatever it can come to. PERSISTENT RESERVE IN, and others that no persistent reservation
// forbids, conflict with one of SPC-2.
var mustBeSeen = map[string]string{
	"REGISTER": "nothing; registers; registers and others; registers through all ports; changes its key; changes its key through all ports; " +
		"unregisters; unregisters and releases; RESERVATION CONFLICT; 05/26/00; 05/1a/00",
	"REGISTER AND IGNORE EXISTING KEY": "nothing; registers; registers through all ports; changes its key; changes its key through all ports; " +
		"unregisters; unregisters and releases; RESERVATION CONFLICT; 05/26/00",
	"RESERVE":           "reserves; has it; RESERVATION CONFLICT; 05/24/00; 05/26/00",
	"RELEASE":           "has nothing; releases; releases and tells; RESERVATION CONFLICT; 05/26/00; 05/26/04",
	"CLEAR":             "clears; RESERVATION CONFLICT; 05/26/00",
	"PREEMPT":           preempting,
	"PREEMPT AND ABORT": preempting,
	"REGISTER AND MOVE": "moves; moves and unregisters; moves to one registered; moves to one registered and unregisters; RESERVATION CONFLICT; " +
		"05/24/00; 05/26/00; 05/1a/00",
	"REPLACE LOST RESERVATION":  "RESERVATION CONFLICT; 05/24/00; 05/26/00",
	"PERSISTENT RESERVE IN 00h": access,
	"PERSISTENT RESERVE IN 01h": access,
	"PERSISTENT RESERVE IN 02h": access,
	"PERSISTENT RESERVE IN 03h": access,
	"RESERVE of SPC-2":          "is let in already; reserves; RESERVATION CONFLICT",
	"RELEASE of SPC-2":          "is let in already; has nothing; releases; RESERVATION CONFLICT",
	"TEST UNIT READY":           access,
	"INQUIRY":                   "goes through",
	"REPORT LUNS":               "goes through",
	"REQUEST SENSE":             "goes through",
	"MODE SENSE (6)":            access,
	"MODE SELECT (6)":           access,
	"READ CAPACITY (10)":        access,
	"LOG SENSE":                 access,
	"READ (16)":                 access,
	"WRITE (16)":                access,
	"SYNCHRONIZE CACHE (10)":    access,
	"START STOP UNIT, START = 1 and POWER CONDITION = 0": access,
	"START STOP UNIT, POWER CONDITION <> 0":              access,
}

const (
	access     = "goes through; RESERVATION CONFLICT"
	preempting = "takes it; takes it from all; changes the type; unregisters others; unregisters itself; RESERVATION CONFLICT; 05/24/00; 05/26/00"
)

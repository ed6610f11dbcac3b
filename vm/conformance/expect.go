package main

import (
	"path"
	"slices"
	"strings"
)

// reason is why tests do not pass on targets of ours. Nothing else may keep a test from passing, and a reason that is not
// needed any more fails the run as well.
type reason struct {
	tests   string // pattern of tests; empty: all
	targets string // pattern of targets; empty: all of ours
	outcome outcome
	says    string // what the client says, in part
	why     string
	chance  bool // it may pass as well

	// Each test that is kept from passing must pass on a target that matches runsIn, or there is something that makes it
	// impossible everywhere: a function of Linux 6.1, or an error of the client's.
	runsIn string
	kernel string
	client string
}

var reasons = []reason{
	{outcome: skipped, says: "is not removable", why: "wants a medium that can be removed", runsIn: "[re]*/*"},
	{outcome: skipped, says: "--dataloss flag is not set", targets: "protected/*", why: "writes, and a write protected disk lets it not",
		runsIn: "*/*"},
	{outcome: skipped, says: "--allow-sanitize flag is not set", targets: "protected/*", why: "sanitizes, and a write protected disk lets it not",
		runsIn: "*/*"},
	{outcome: failed, tests: "SCSI.Prout*", targets: "protected/*", says: "test_prout", why: registersNot, runsIn: "thin/*"},
	{outcome: failed, tests: "SCSI.PrinReadKeys.Truncate", targets: "protected/*", says: "test_prin", why: registersNot, runsIn: "thin/*"},
	{outcome: failed, tests: "SCSI.WriteVerify*.Dpo", targets: "protected/*", says: "_dpo.c",
		why: "where it may not write, the client does not, and takes that for a failure", runsIn: "thin/*"},
	{outcome: skipped, says: "not write-protected", why: "wants a write protected disk", runsIn: "protected/*"},
	{outcome: skipped, says: "LBPPB < 2", why: "wants a physical block of several logical ones", runsIn: "physical/*"},
	{outcome: skipped, says: "only supported for iSCSI backends", targets: "*/s?",
		why: "wants to log in twice, to log out, or to touch up the CDB on its way", runsIn: "*/iscsi"},
	{outcome: skipped, says: "Non-iSCSI multipath", targets: "*/s?", why: "wants to reset over one session what another waits for",
		runsIn: "*/iscsi"},
	{outcome: crashed, tests: "SCSI.Sanitize.OverwriteReserved", targets: "*/s?", says: "segmentation fault",
		why: "the client touches up the CDB of a session that it does not have", runsIn: "*/iscsi"},
	{outcome: skipped, tests: "SCSI.Reserve6.Target*Reset", targets: "*/iscsi", says: "Reset is not working",
		why: noTargetReset, kernel: "iscsit_tmr_task_warm_reset, iscsit_tmr_task_cold_reset"},
	{outcome: skipped, tests: "SCSI.PreventAllow.[WC]*Reset", targets: "*/iscsi", says: "Reset is not working",
		why: noTargetReset, kernel: "iscsit_tmr_task_warm_reset, iscsit_tmr_task_cold_reset"},
	{outcome: failed, tests: "SCSI.PreventAllow.Logout", targets: "removable/iscsi", says: "MEDIUM_REMOVAL_PREVENTED", why: sessionsUnknown,
		runsIn: "engine/iscsi"},
	{outcome: failed, tests: "SCSI.PreventAllow.ITNexusLoss", targets: "removable/iscsi", says: "MEDIUM_REMOVAL_PREVENTED", why: sessionsUnknown,
		runsIn: "engine/iscsi"},

	{outcome: failed, tests: "iSCSI.iSCSIResiduals.Read*", says: "residual overflow",
		why:    "a transfer longer than the initiator expects is no overflow: only target_cmd_size_check tells of one",
		kernel: "passthrough_parse_cdb"},
	{outcome: failed, tests: "iSCSI.iSCSIResiduals.Write*", says: "residual",
		why:    "no residual of Data-Out can be told: READ_LEN is for Data-In, and only target_cmd_size_check tells of an overflow",
		kernel: "tcmu_handle_completion, passthrough_parse_cdb"},
	{outcome: failed, tests: "iSCSI.iSCSIdatasn.iSCSIDataSnInvalid", says: "ret,0",
		why:    "the target drops the connection, and the client logs in again and sends the data as immediate data, without a DataSN",
		kernel: "iscsit_dataout_check_datasn"},
	{outcome: failed, tests: "SCSI.MultipathIO.Reset", targets: "engine/iscsi", says: "test_multipathio_reset", chance: true,
		why:    "the kernel answers a reset without waiting for us to hear of it: the other initiator may not have been told yet",
		kernel: "tcmu_tmr_notify"},
	{outcome: failed, tests: "SCSI.Sanitize.Reset", targets: "[^l]*/iscsi", says: "SANITIZE_IN_PROGRESS", chance: true,
		why: "the disk is so small that it is sanitized before the client, which waits three seconds, looks", runsIn: "large/iscsi"},
	{outcome: failed, tests: "SCSI.ExtendedCopy.Simple", targets: "*/sd", says: "SG_IO ioctl failed", chance: true,
		why:    "reads 1 MiB to an address within a page, which is one segment more than tcm_loop takes, unless pages are neighbours",
		runsIn: "*/sg"},
	{outcome: failed, tests: "SCSI.StartStopUnit.*", targets: "*/sd", says: "MEDIUM_REMOVAL_PREVENTED", chance: true,
		why: "sd_open of Linux prevents removal while only one program has the node open", runsIn: "removable/sg"},
	{outcome: failed, tests: "SCSI.NoMedia.NoMediaSBC", targets: "*/sd", says: "MEDIUM_REMOVAL_PREVENTED", chance: true,
		why: "sd_open of Linux prevents removal while only one program has the node open", runsIn: "removable/sg"},
	{outcome: failed, tests: "SCSI.GetLBAStatus.UnmapSingle", targets: "physical/*", says: "lba offset in first descriptor",
		why: "wants a first descriptor that does not begin where it asks from", runsIn: "thin/*"},
	{outcome: failed, tests: "SCSI.ReportSupportedOpcodes.OneCommand", targets: "[^re]*/*", says: "CDB[0] Usage Data was 0x00, expected 0x7f",
		why: "the client takes no usage data of more than 16 bytes, and misses it in commands of 32", runsIn: "removable/*"},
	{outcome: failed, tests: "SCSI.Reserve6.Logout", targets: "*/iscsi", says: "RESERVATION CONFLICT", chance: true,
		why: "the kernel's answer to a logout goes out before the session, and its reservation with it, has ended", runsIn: "engine/iscsi"},
	{outcome: failed, tests: "iSCSI.iSCSITMF.LUNResetSimpleAsync", says: "reconnect_succeeded",
		why:    "asks for the answer before it has waited for it; the flag is only set by what comes later",
		client: "test_async_lu_reset_simple.c, line 157"},
}

const (
	registersNot    = "registers, which the client does only where it may write, and it takes that for a failure"
	noTargetReset   = "the target resets no other logical units at an initiator's request"
	sessionsUnknown = "the ring does not tell who prevents removal, nor the kernel that he has gone"
)

// tries is how often a test is run whose failure, by its reason, is a chance.
const tries = 3

// byChance reports whether another try may end otherwise.
func byChance(x result) bool {
	return slices.ContainsFunc(reasons, func(r reason) bool { return r.chance && r.explains(x) })
}

// covers reports whether r could be why a test does not pass on a target.
func (r reason) covers(x result) bool {
	return matches(r.tests, string(x.Test)) && matches(r.targets, x.Target)
}

// explains reports whether r is why it did not pass.
func (r reason) explains(x result) bool {
	return r.covers(x) && r.outcome == x.Outcome && strings.Contains(x.says(), r.says)
}

// impossible names what makes it so, with what the name is of; empty when the test runs elsewhere.
func (r reason) impossible() string {
	switch {
	case r.kernel != "":
		return "kernel: " + r.kernel
	case r.client != "":
		return "client: " + r.client
	}
	return ""
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func matches(pattern, name string) bool {
	match, _ := path.Match(pattern, name) // a test looks at the patterns
	return pattern == "" || match
}

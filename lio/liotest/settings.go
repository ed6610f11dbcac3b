package liotest

import (
	"slices"
	"strconv"
	"strings"
)

// setting is a file of an attrib or param directory: what it is at first, and what may be written to it.
type setting struct {
	value string
	takes func(value string) bool // nil: nothing, the file is read-only
}

type settings map[string]setting

// files are the files with what they are at first.
func (s settings) files() files {
	f := files{}
	for name, setting := range s {
		f[name] = setting.value
		if setting.takes == nil {
			f[name] = readOnly + setting.value
		}
	}
	return f
}

func text(string) bool { return true }

func oneOf(values ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(values, v) }
}

func between(low, high int) func(string) bool {
	return func(v string) bool {
		n, err := strconv.Atoi(v)
		return err == nil && n >= low && n <= high
	}
}

// listOf takes one or more of values with commas between them.
func listOf(values ...string) func(string) bool {
	return func(v string) bool {
		return !slices.ContainsFunc(strings.Split(v, ","), func(s string) bool { return !slices.Contains(values, s) })
	}
}

var (
	bit      = oneOf("0", "1")
	yesNo    = oneOf("Yes", "No")
	digest   = listOf("CRC32C", "None")
	number32 = between(-1, 1<<31-1)
)

// userAttributes are those of a TCMU device.
var userAttributes = settings{
	"alua_support": {"1", bit}, "cmd_time_out": {"30", between(0, 1<<31-1)}, "dev_config": {"", text},
	"dev_size": {"0", between(0, 1<<62)}, "emulate_pr": {"1", bit}, "emulate_write_cache": {"0", bit},
	"enforce_pr_isids": {"1", bit}, "force_pr_aptpl": {"0", bit}, "nl_reply_supported": {"0", between(-128, 127)},
	"pgr_support": {"1", bit}, "qfull_time_out": {"-1", number32}, "tmr_notification": {"0", bit},

	"cmd_ring_size_mb": {value: "8"}, "data_pages_per_blk": {value: "1"}, "hw_block_size": {value: "512"},
	"hw_max_sectors": {value: "128"}, "hw_pi_prot_type": {value: "0"}, "hw_queue_depth": {value: "128"},
	"max_data_area_mb": {value: "1024"},
}

// kernelAttributes are those of the kernel's own storage objects.
var kernelAttributes = settings{
	"alua_support": {"1", bit}, "block_size": {"512", oneOf("512", "1024", "2048", "4096")}, "emulate_3pc": {"1", bit},
	"emulate_caw": {"1", bit}, "emulate_dpo": {"1", bit}, "emulate_fua_read": {"1", bit}, "emulate_fua_write": {"1", bit},
	"emulate_model_alias": {"0", bit}, "emulate_pr": {"1", bit}, "emulate_rest_reord": {"0", bit}, "emulate_tas": {"1", bit},
	"emulate_tpu": {"0", bit}, "emulate_tpws": {"0", bit}, "emulate_ua_intlck_ctrl": {"0", oneOf("0", "1", "2")},
	"emulate_write_cache": {"0", bit}, "enforce_pr_isids": {"1", bit}, "force_pr_aptpl": {"0", bit}, "is_nonrot": {"0", bit},
	"max_unmap_block_desc_count": {"1", number32}, "max_unmap_lba_count": {"8192", number32},
	"max_write_same_len": {"4096", number32}, "optimal_sectors": {"16384", number32}, "pgr_support": {"1", bit},
	"pi_prot_format": {"0", bit}, "pi_prot_type": {"0", between(0, 3)}, "pi_prot_verify": {"0", bit},
	"queue_depth": {"128", number32}, "unmap_granularity": {"1", number32}, "unmap_granularity_alignment": {"0", number32},
	"unmap_zeroes_data": {"0", bit},

	"hw_block_size": {value: "512"}, "hw_max_sectors": {value: "16384"}, "hw_pi_prot_type": {value: "0"},
	"hw_queue_depth": {value: "128"},
}

// tpgAttributes are those of an iSCSI TPG.
var tpgAttributes = settings{
	"authentication": {"1", bit}, "cache_dynamic_acls": {"0", bit}, "default_cmdsn_depth": {"64", between(1, 512)},
	"default_erl": {"0", between(0, 2)}, "demo_mode_discovery": {"1", bit}, "demo_mode_write_protect": {"1", bit},
	"fabric_prot_type": {"0", oneOf("0", "1", "3")}, "generate_node_acls": {"0", bit}, "login_keys_workaround": {"1", bit},
	"login_timeout": {"15", between(5, 30)}, "netif_timeout": {"2", between(2, 15)}, "prod_mode_write_protect": {"0", bit},
	"t10_pi": {"0", bit}, "tpg_enabled_sendtargets": {"1", bit},
}

// tpgParameters are those of an iSCSI TPG.
var tpgParameters = settings{
	"AuthMethod": {"CHAP", listOf("KRB5", "SPKM1", "SPKM2", "SRP", "CHAP", "None")}, "DataDigest": {"CRC32C,None", digest},
	"DataPDUInOrder": {"Yes", yesNo}, "DataSequenceInOrder": {"Yes", yesNo}, "DefaultTime2Retain": {"20", between(0, 3600)},
	"DefaultTime2Wait": {"2", between(0, 3600)}, "ErrorRecoveryLevel": {"0", between(0, 2)},
	"FirstBurstLength": {"65536", between(512, 1<<24-1)}, "HeaderDigest": {"CRC32C,None", digest}, "IFMarkInt": {"Reject", text},
	"IFMarker": {"No", yesNo}, "ImmediateData": {"Yes", yesNo}, "InitialR2T": {"Yes", yesNo},
	"MaxBurstLength": {"262144", between(512, 1<<24-1)}, "MaxConnections": {"1", between(1, 65535)},
	"MaxOutstandingR2T": {"1", between(1, 65535)}, "MaxRecvDataSegmentLength": {"8192", between(512, 1<<24-1)},
	"MaxXmitDataSegmentLength": {"262144", between(512, 1<<24-1)}, "OFMarkInt": {"Reject", text}, "OFMarker": {"No", yesNo},
	"TargetAlias": {"LIO Target", text},
}

// aclAttributes are those of an iSCSI node ACL.
var aclAttributes = settings{
	"authentication": {"-1", between(-1, 1)}, "dataout_timeout": {"3", between(2, 60)},
	"dataout_timeout_retries": {"5", between(1, 15)}, "default_erl": {"0", between(0, 2)},
	"nopin_response_timeout": {"30", between(3, 60)}, "nopin_timeout": {"15", between(0, 60)},
	"random_datain_pdu_offsets": {"0", bit}, "random_datain_seq_offsets": {"0", bit}, "random_r2t_offsets": {"0", bit},
}

// chap is a directory for CHAP.
var chap = files{"userid": "", "password": "", "userid_mutual": "", "password_mutual": "", "authenticate_target": readOnly + "0"}

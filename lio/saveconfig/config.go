// Package saveconfig keeps the target's configuration in a file, in the format that targetcli and rtslib use
// (saveconfig.json): what one of them has saved the others restore.
//
// Capture reads what is there, Read and Save deal with files, and a Plan is what is to be done to restore one. Nothing is
// dropped silently: what the format cannot express makes Capture fail, and what a file says that this package does not know
// is named by its Unknown.
package saveconfig

import "github.com/tcmud/tcmud/lio"

// Config is a configuration. Fields are in the order of their keys, which is the order that rtslib writes them in.
type Config struct {
	Fabrics        []Fabric        `json:"fabric_modules"`
	StorageObjects []StorageObject `json:"storage_objects"`
	Targets        []Target        `json:"targets"`
	Own            *Own            `json:"tcmud,omitempty"`
}

// Own is what rtslib does not save. It reads over the key, and leaves it out of the files that it writes.
type Own struct {
	// Identities are vendor, product and revision of devices that have been given any, by their path:
	// "/backstores/user/NAME".
	Identities map[string]Identity `json:"identities"`
}

// Identity is the part of a device's identity that is not in its storage object. Empty fields are the kernel's own.
type Identity struct {
	Product  string `json:"product,omitempty"`
	Revision string `json:"revision,omitempty"`
	Vendor   string `json:"vendor,omitempty"`
}

// Empty reports whether there is nothing in the configuration.
func (c Config) Empty() bool {
	return len(c.Fabrics) == 0 && len(c.StorageObjects) == 0 && len(c.Targets) == 0
}

// Fabric is what a fabric has besides targets: CHAP for discovery sessions.
type Fabric struct {
	Enforced       bool   `json:"discovery_enable_auth"`
	MutualPassword string `json:"discovery_mutual_password,omitempty"`
	MutualUserID   string `json:"discovery_mutual_userid,omitempty"`
	Password       string `json:"discovery_password,omitempty"`
	UserID         string `json:"discovery_userid,omitempty"`
	Name           string `json:"name"`
}

// StorageObject is a storage object. Which fields it has is a matter of its plugin: rtslib refuses those of others.
type StorageObject struct {
	AIO          *bool       `json:"aio,omitempty"` // fileio: asynchronous I/O
	ALUAGroups   []ALUAGroup `json:"alua_tpgs"`
	Attributes   Attributes  `json:"attributes,omitempty"`
	Config       string      `json:"config,omitempty"`         // user: dev_config
	Control      string      `json:"control,omitempty"`        // user: further settings, "max_data_area_mb=8,..."
	Dev          string      `json:"dev,omitempty"`            // block, fileio, pscsi: the device or file behind it
	HWMaxSectors int         `json:"hw_max_sectors,omitempty"` // user: longest transfer in blocks
	Name         string      `json:"name"`
	NullIO       bool        `json:"nullio,omitempty"` // ramdisk: it forgets what is written
	Plugin       string      `json:"plugin"`           // as rtslib names it: "user", "block", "fileio", "pscsi", "ramdisk"
	ReadOnly     *bool       `json:"readonly,omitempty"`
	Size         int64       `json:"size,omitempty"` // bytes; block and pscsi have that of the device
	WriteBack    *bool       `json:"write_back,omitempty"`
	WWN          string      `json:"wwn,omitempty"` // UNIT SERIAL NUMBER
}

// Path is what LUNs call the storage object: "/backstores/PLUGIN/NAME".
func (so StorageObject) Path() string { return "/backstores/" + so.Plugin + "/" + so.Name }

// Target is a target of a fabric.
type Target struct {
	Attributes Attributes        `json:"attributes,omitempty"`
	Fabric     string            `json:"fabric"`
	Parameters map[string]string `json:"parameters,omitempty"`
	TPGs       []TPG             `json:"tpgs"`
	WWN        string            `json:"wwn"`
}

// TPG is a target portal group. The name of its one initiator, where a fabric has that, is not saved: it gets a new one.
type TPG struct {
	Attributes Attributes `json:"attributes,omitempty"`
	CHAP
	Enable     *bool             `json:"enable,omitempty"` // left out: enabled
	LUNs       []LUN             `json:"luns"`
	ACLs       []ACL             `json:"node_acls"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Portals    []Portal          `json:"portals"`
	Tag        int               `json:"tag"`
}

// CHAP is who may log in, and who the target says it is.
type CHAP struct {
	MutualPassword string `json:"chap_mutual_password,omitempty"`
	MutualUserID   string `json:"chap_mutual_userid,omitempty"`
	Password       string `json:"chap_password,omitempty"`
	UserID         string `json:"chap_userid,omitempty"`
}

func chap(a lio.Auth) CHAP { return CHAP{a.MutualPassword, a.MutualUserID, a.Password, a.UserID} }

func (c CHAP) auth() lio.Auth {
	return lio.Auth{UserID: c.UserID, Password: c.Password, MutualUserID: c.MutualUserID, MutualPassword: c.MutualPassword}
}

// LUN is a logical unit of a TPG.
type LUN struct {
	Alias         string  `json:"alias,omitempty"`    // name of the link; means nothing
	ALUAGroup     *string `json:"alua_tg_pt_gp_name"` // nil: the storage object has none
	Index         int     `json:"index"`
	StorageObject string  `json:"storage_object"` // its Path
}

// ACL is an initiator that may log in, and the LUNs it sees.
type ACL struct {
	Attributes Attributes `json:"attributes,omitempty"`
	CHAP
	MappedLUNs []MappedLUN       `json:"mapped_luns"`
	Initiator  string            `json:"node_wwn"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Tag        string            `json:"tag,omitempty"` // name of a group of ACLs, to targetcli
}

// MappedLUN is a LUN of the TPG as an initiator sees it.
type MappedLUN struct {
	Alias        string `json:"alias,omitempty"` // name of the link; means nothing
	Index        int    `json:"index"`           // the initiator's
	TPGLUN       int    `json:"tpg_lun"`
	WriteProtect bool   `json:"write_protect"`
}

// Portal is a network portal.
type Portal struct {
	IPAddress string `json:"ip_address"` // IPv6 in brackets
	ISER      bool   `json:"iser"`       // iSCSI over RDMA
	Offload   bool   `json:"offload"`    // Chelsio's network cards do the work
	Port      int    `json:"port"`
}

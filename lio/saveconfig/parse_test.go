package saveconfig_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio/saveconfig"
)

func TestDamagedFiles(t *testing.T) {
	const object = `{"storage_objects": [%]}`
	const target = `{"targets": [{"fabric": "iscsi", "wwn": "iqn.2003-01.org.example:a", "tpgs": [{"tag": 1, %}]}]}`
	for name, file := range map[string]struct{ frame, text, want string }{
		"empty":            {"%", "", "line 1, column 1: unexpected end of JSON input"},
		"cut short":        {"%", "{\n  \"targets\": [", "line 2, column 14: unexpected end of JSON input"},
		"no comma":         {"%", "{\n  \"targets\": []\n  \"storage_objects\": []\n}", "line 3, column 3: invalid character '\"' after object key:value pair"},
		"two of them":      {"%", "{}\n{}", "line 2, column 1: invalid character '{' after top-level value"},
		"not an object":    {"%", "null", "an object was expected"},
		"wrong type":       {object, "{\n\"size\": \"big\"}", "line 2, column 13: storage_objects.size cannot be a string"},
		"fraction":         {object, `{"size": 1.5}`, "storage_objects.size cannot be a number 1.5"},
		"attribute":        {object, `{"attributes": {"a": []}}`, "the value of an attribute is neither a whole number nor a string"},
		"plugin":           {object, `{"name": "a", "plugin": "rbd"}`, `storage_objects[0]: plugin "rbd" is not known`},
		"name":             {object, `{"name": "../a", "plugin": "user"}`, `"../a" cannot be the name of a storage object`},
		"no name":          {object, `{"plugin": "user"}`, `"" cannot be the name of a storage object`},
		"no size":          {object, `{"name": "a", "plugin": "user", "config": "x/y"}`, "/backstores/user/a: size 0: more than 0 was expected"},
		"no config":        {object, `{"name": "a", "plugin": "user", "size": 512}`, `config "" has no '/'`},
		"comma in config":  {object, `{"name": "a", "plugin": "user", "size": 512, "config": "x/y,nl_reply_supported=0"}`, "the kernel cannot carry commas"},
		"no dev":           {object, `{"name": "a", "plugin": "block"}`, "/backstores/block/a: dev is missing"},
		"line end":         {object, `{"name": "a", "plugin": "block", "dev": "/dev/a\n"}`, "line ends"},
		"control":          {object, `{"name": "a", "plugin": "user", "size": 512, "config": "x/y", "control": "\n"}`, "the kernel would not take that"},
		"serial":           {object, `{"name": "a", "plugin": "ramdisk", "size": 512, "wwn": "\u00e9"}`, "only printable ASCII"},
		"setting":          {object, `{"name": "a", "plugin": "ramdisk", "size": 512, "attributes": {"../enable": 1}}`, `"../enable" cannot be a setting`},
		"group":            {object, `{"name": "a", "plugin": "ramdisk", "size": 512, "alua_tpgs": [{"name": "g"}]}`, `"g" with tg_pt_gp_id 0`},
		"group setting":    {object, `{"name": "a", "plugin": "ramdisk", "size": 512, "alua_tpgs": [{"name": "g", "preferred": "no"}]}`, "alua_tpgs: preferred is not what it has to be"},
		"twice":            {object, `{"name": "a", "plugin": "ramdisk", "size": 512}, {"name": "a", "plugin": "ramdisk", "size": 512}`, "storage_objects[1]: /backstores/ramdisk/a is there twice"},
		"fabric":           {`{"targets": [%]}`, `{"fabric": "srpt", "wwn": "ib.0"}`, `fabric "srpt" of target ib.0: only iscsi, loopback, vhost can be restored`},
		"wwn":              {`{"targets": [%]}`, `{"fabric": "vhost", "wwn": "naa.1"}`, `"naa.1" is no NAA name`},
		"tag":              {target, `"tag": -1`, "a tag from 0 to 65535 was expected"},
		"lun":              {target, `"luns": [{"index": 65536, "storage_object": "/backstores/user/a"}]`, "lun65536: number 65536"},
		"lun twice":        {target, `"luns": [{"index": 1, "storage_object": "/backstores/user/a"}, {"index": 1, "storage_object": "/backstores/user/b"}]`, "lun1 is there twice"},
		"alias":            {target, `"luns": [{"index": 1, "alias": "../../a", "storage_object": "/backstores/user/a"}]`, `alias "../../a"`},
		"object of a lun":  {target, `"luns": [{"index": 1, "storage_object": "/backstores/user"}]`, "/backstores/PLUGIN/NAME was expected"},
		"portal":           {target, `"portals": [{"ip_address": "localhost", "port": 3260}]`, "portal localhost:3260: an IP address and a port were expected"},
		"initiator":        {target, `"node_acls": [{"node_wwn": "a b"}]`, `"a b" is no iSCSI name`},
		"mapped lun":       {target, `"node_acls": [{"node_wwn": "iqn.2003-01.org.example:i", "mapped_luns": [{"index": 0, "tpg_lun": 3}]}]`, "mapped_lun0: there is no lun3 to map"},
		"password":         {target, `"chap_password": "NULL"`, "a user or password of CHAP cannot be NULL"},
		"discovery":        {`{"fabric_modules": [%]}`, `{"name": "vhost"}`, `"vhost" has no discovery`},
		"vendor":           {`{"tcmud": {"identities": {"/backstores/user/a": %}}}`, `{"vendor": "longer than eight"}`, "vendor_id \"longer than eight\" is too long"},
		"everything wrong": {object, strings.Repeat(`{},`, 100) + `{}`, "and 191 more"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := saveconfig.Parse([]byte(strings.Replace(file.frame, "%", file.text, 1)))
			require.ErrorContains(t, err, file.want)
			require.Less(t, len(err.Error()), 2000)
		})
	}
}

func TestUnknownKeysAreNamed(t *testing.T) {
	c, unknown, err := saveconfig.Parse([]byte(`{
		"version": 3,
		"storage_objects": [
			{"name": "a", "plugin": "ramdisk", "size": 512, "alua_tpgs": [{"name": "default_tg_pt_gp", "tg_pt_gp_id": 0, "members": 1}]},
			{"name": "b", "plugin": "ramdisk", "size": 512, "Size": 1024, "attributes": {"whatever": "is kept"}}
		],
		"targets": [{"fabric": "vhost", "wwn": "naa.5001405000000009", "tpgs": [{"tag": 1, "nexus": "naa.5001405000000001"}]}]
	}`))
	require.NoError(t, err)
	require.Equal(t, []string{
		"storage_objects[0].alua_tpgs[0].members", "storage_objects[1].Size", "targets[0].tpgs[0].nexus", "version",
	}, unknown)
	require.Empty(t, c.StorageObjects[0].ALUAGroups[0].Settings)
	require.Equal(t, saveconfig.Setting("is kept"), c.StorageObjects[1].Attributes["whatever"])
}

func TestFilesThatAreNoConfigurations(t *testing.T) {
	dir := t.TempDir()
	_, _, err := saveconfig.Read(dir)
	require.EqualError(t, err, dir+" is no regular file")
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	_, _, err = saveconfig.Read(pipe)
	require.EqualError(t, err, pipe+" is no regular file", "and nobody waits for what it may say")
	huge := filepath.Join(dir, "huge")
	require.NoError(t, os.WriteFile(huge, nil, 0o600))
	require.NoError(t, os.Truncate(huge, 1<<40))
	_, _, err = saveconfig.Read(huge)
	require.EqualError(t, err, huge+" is larger than 64 MiB: it is no saved configuration")
	_, _, err = saveconfig.Read(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// FuzzParse: whatever a file holds, it is refused, or is a configuration that can be written and read again.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile(golden)
	require.NoError(f, err)
	f.Add(text)
	var compact bytes.Buffer
	require.NoError(f, json.Compact(&compact, text))
	f.Add(compact.Bytes())
	f.Add([]byte(`{"storage_objects": [{"name": "a", "plugin": "user", "size": 1, "config": "a/", "attributes": {"a": -1}}]}`))
	f.Add([]byte(`{"targets": [{"fabric": "iscsi", "wwn": "eui.0123456789abcdef", "tpgs": [{"portals": [{"ip_address": "[::]", "port": 1}]}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, _, err := saveconfig.Parse(text)
		if err != nil {
			require.Less(t, len(err.Error()), 10000)
			return
		}
		again, err := c.Marshal()
		require.NoError(t, err)
		twice, unknown, err := saveconfig.Parse(again)
		require.NoError(t, err)
		require.Empty(t, unknown)
		require.NoError(t, twice.Check())
	})
}

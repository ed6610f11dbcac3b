package saveconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/tcmud/tcmud/lio"
)

// Attributes are attributes by name. Files have those that look like numbers as numbers.
type Attributes map[string]Setting

// Setting is the value of an attribute.
type Setting string

var integer = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// MarshalJSON implements json.Marshaler.
func (s Setting) MarshalJSON() ([]byte, error) {
	if integer.MatchString(string(s)) {
		return []byte(s), nil
	}
	return json.Marshal(string(s))
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Setting) UnmarshalJSON(text []byte) error {
	if text[0] == '"' {
		return json.Unmarshal(text, (*string)(s))
	}
	if !integer.Match(text) {
		return errors.New("the value of an attribute is neither a whole number nor a string")
	}
	*s = Setting(text)
	return nil
}

// settings are what can be written of attributes or parameters, which is what is saved.
func settings[T ~string](all []lio.Attribute, err error) (map[string]T, error) {
	if err != nil {
		return nil, err
	}
	var values map[string]T // nil when there is none, as it is read
	for _, a := range all {
		if !a.Writable {
			continue
		}
		if values == nil {
			values = map[string]T{}
		}
		values[a.Name] = T(a.Value)
	}
	return values, nil
}

// ALUAGroup is a target port group of a storage object: in the file one object, with a key for each setting.
type ALUAGroup struct {
	Name     string
	ID       int            // TARGET PORT GROUP, from 1 to 65535; the default group has 0
	Settings map[string]int // by the names of aluaSettings
}

// aluaSetting is a setting of a group. Where the kernel has words for the values, they are in the order of their numbers.
type aluaSetting struct {
	name  string
	words []string
}

// aluaSettings are in the order in which they can be restored: a state is refused unless the type of access allows to set
// it and it is supported.
var aluaSettings = []aluaSetting{
	{name: "alua_access_type", words: []string{"None", "Implicit", "Explicit", "Implicit and Explicit"}},
	{name: "alua_support_active_nonoptimized"},
	{name: "alua_support_active_optimized"},
	{name: "alua_support_offline"},
	{name: "alua_support_standby"},
	{name: "alua_support_transitioning"},
	{name: "alua_support_unavailable"},
	{name: "alua_write_metadata"},
	{name: "implicit_trans_secs"},
	{name: "nonop_delay_msecs"},
	{name: "trans_delay_msecs"},
	{name: "preferred"},
	{name: "alua_access_state"},
	{name: "alua_access_status", words: []string{"None", "Altered by Explicit STPG", "Altered by Implicit ALUA"}},
}

const aluaName, aluaID = "name", "tg_pt_gp_id"

// MarshalJSON implements json.Marshaler.
func (g ALUAGroup) MarshalJSON() ([]byte, error) {
	keys := map[string]any{aluaName: g.Name, aluaID: g.ID}
	for name, value := range g.Settings {
		keys[name] = value
	}
	return json.Marshal(keys)
}

// isALUA reports whether a group has a setting of that name.
func isALUA(name string) bool {
	return slices.ContainsFunc(aluaSettings, func(s aluaSetting) bool { return s.name == name })
}

// UnmarshalJSON implements json.Unmarshaler.
func (g *ALUAGroup) UnmarshalJSON(text []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return err
	}
	g.Settings = map[string]int{}
	for key, raw := range keys {
		var err error
		switch {
		case key == aluaName:
			err = json.Unmarshal(raw, &g.Name)
		case bytes.Equal(raw, []byte("null")) || key != aluaID && !isALUA(key):
		default:
			var n int
			if n, err = strconv.Atoi(string(raw)); key == aluaID {
				g.ID = n
			} else {
				g.Settings[key] = n
			}
		}
		if err != nil {
			return fmt.Errorf("alua_tpgs: %s is not what it has to be", key)
		}
	}
	return nil
}

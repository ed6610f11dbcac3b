package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// settable is a node with settings that a map holds.
type settable struct {
	*testing.T
	at     *node
	values map[string]string
	refuse string // what the kernel takes no value for
}

func newSettable(t *testing.T) *settable {
	s := &settable{T: t, values: map[string]string{"queue": "128", "cache": "1", "hw": "512", "userid": "me", "password": "hush", "size": "10"}}
	k := &kind{name: "x", groups: []group{
		s.group("attribute", setting{name: "queue", writable: true}, setting{name: "cache", writable: true}, setting{name: "hw"}),
		s.group("auth", setting{name: "userid", writable: true}, setting{name: "password", writable: true, secret: true}),
		s.group("", setting{name: "size", writable: true}),
	}}
	s.at = newHost(t).session().top.new(k, "x", nil)
	return s
}

func (s *settable) group(name string, settings ...setting) group {
	return group{
		name: name,
		list: func(*node) ([]setting, error) {
			var now []setting
			for _, one := range settings {
				one.value = s.values[one.name]
				now = append(now, one)
			}
			return now, nil
		},
		set: func(_ context.Context, _ *node, name, value string) error {
			if name == s.refuse {
				return errors.New("invalid argument")
			}
			s.values[name] = value
			return nil
		},
	}
}

func (s *settable) says(want string, words ...string) {
	s.Helper()
	r, err := s.at.say(s.Context(), words)
	require.NoError(s, err)
	require.Equal(s, want, r.text)
}

func (s *settable) refuses(want string, words ...string) {
	s.Helper()
	_, err := s.at.say(s.Context(), words)
	require.EqualError(s, err, want)
}

func TestGet(t *testing.T) {
	s := newSettable(t)
	s.says(`attribute
  queue  128
  cache  1
  hw     512 [ro]`, "get", "attribute")
	s.says("hw=512 [ro]\nqueue=128", "get", "attribute", "hw", "queue")
	s.says("size=10", "get", "size")
	s.says("auth\n  userid    me\n  password  hush", "get", "auth")
	s.says(`attribute
  queue  128
  cache  1
  hw     512 [ro]
auth
  userid    me
  password  ********
size  10`, "get")
	s.refuses(`/x has no setting nosuch: "tcmuctl /x get attribute" shows what there is`, "get", "attribute", "nosuch")
	s.refuses(`/x has no setting nosuch: "tcmuctl /x get" shows what there is`, "get", "nosuch")

	r, err := s.at.say(t.Context(), []string{"get", "attribute", "hw"})
	require.NoError(t, err)
	require.Equal(t, groupView{"attribute", []settingView{{"hw", "512", false}}}, r.data)
}

func TestSet(t *testing.T) {
	s := newSettable(t)
	s.says("Parameter cache is now '0'.\nParameter queue is now '64'.", "set", "attribute", "cache=0", "queue=64")
	s.says("Parameter size is now '1G'.", "set", "size=1G")
	s.says("Parameter userid is now ''.", "set", "auth", "userid=")
	s.says("attribute\n  queue  64\n  cache  0\n  hw     512 [ro]", "set", "attribute")

	before := map[string]string{"queue": "64", "cache": "0", "hw": "512", "userid": "", "password": "hush", "size": "1G"}
	require.Equal(t, before, s.values)
	s.refuses(`/x has no setting nosuch: "tcmuctl /x get attribute" shows what there is`, "set", "attribute", "queue=1", "nosuch=2")
	s.refuses(`/x: hw cannot be changed: "get attribute" shows what can`, "set", "attribute", "queue=1", "hw=2")
	s.refuses("queue is given twice", "set", "attribute", "queue=1", "queue=2")
	s.refuses(`/x: no group "atribute" of settings: attribute, auth`, "set", "atribute", "queue=1")
	require.Equal(t, before, s.values, "a bad name changes nothing")

	s.refuse = "cache"
	s.refuses("/x cache=7: invalid argument (queue had been set before)", "set", "attribute", "queue=1", "cache=7")
	s.refuses("/x cache=7: invalid argument", "set", "attribute", "cache=7")
	require.Equal(t, "1", s.values["queue"])
}

func TestNoSettings(t *testing.T) {
	h := newHost(t)
	h.refuses([]string{"/loopback has no settings"}, "/loopback", "get")
	h.refuses([]string{"/loopback: there are no settings here"}, "/loopback", "get", "attribute")
	h.refuses([]string{"/loopback: there are no settings here"}, "/loopback", "set", "a=b")
	only := &kind{name: "x", groups: newSettable(t).at.kind.groups[:1]}
	_, err := h.session().top.new(only, "x", nil).say(t.Context(), []string{"set", "a=b"})
	require.EqualError(t, err, "/x: say which group: attribute")
}

func TestInfo(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.says("Created ramdisk rd0 with size 1M.", "backstores/ramdisk", "create", "rd0", "1M", "wwn=s")
	stdout, _, _ := h.enter("/backstores/ramdisk/rd0", "info")
	require.Regexp(t, `^path:                     /backstores/ramdisk/rd0
status:                   \(1.0MiB\) deactivated
activated:                false
`, stdout)
	require.Contains(t, stdout, "\nres_holder:               No SPC-3 Reservation holder\n", "what the kernel says of reservations")
	require.Contains(t, stdout, "\nwwn:                      s\n")
	var v view
	h.json(&v, "/backstores/ramdisk/rd0", "info")
	require.Equal(t, "s", v.Properties["wwn"])
	h.says("path:  /", "info")
}

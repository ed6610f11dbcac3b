package daemon

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu"
)

// attribute makes, or changes, a file of the device's configfs directory.
func attribute(t *testing.T, v *volume, name, value string) {
	path := filepath.Join(v.so.Path(), name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(value+"\n"), 0o600))
}

// served is a volume whose store is open, and whose ring would be served if there were one.
func served(t *testing.T, config string) *volume {
	d := idle(t)
	v := device(t, d, "rd0")
	v.uio.Config, v.config = config, config
	for name, value := range map[string]string{
		"attrib/dev_size": "1048576", "attrib/hw_block_size": "512", "attrib/hw_max_sectors": "128",
		"attrib/emulate_write_cache": "0", "attrib/dev_config": config,
		"info": "Status: DEACTIVATED  Max Queue Depth: 0",
	} {
		attribute(t, v, name, value)
	}
	store, _, err := v.open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	d.volumes[key{7, "rd0"}] = v
	v.attached(control.Serving, nil)
	return v
}

// said is the volume as the control socket has it.
func said(v *volume) control.Device { return v.d.Devices()[0] }

// file makes a file for fileio.
func file(t *testing.T, size int64) string {
	path := filepath.Join(t.TempDir(), "disk")
	_, err := backend.CreateFile(path, size)
	require.NoError(t, err)
	return path
}

func TestSizeIsFollowed(t *testing.T) {
	v := served(t, "tcmud/null")
	nexus := v.disk.Load().Join("host")
	require.EqualValues(t, 1<<20, said(v).Size)
	v.follow(tcmu.Event{Kind: tcmu.SizeChanged, Size: 2 << 20})
	require.EqualValues(t, 2<<20, said(v).Size)
	require.Empty(t, said(v).Error)
	require.Equal(t, scsi.CapacityDataChanged, nexus.TakeAttention().Code)
	v.follow(tcmu.Event{Kind: tcmu.SizeChanged, Size: 2 << 20})
	require.True(t, nexus.TakeAttention().OK(), "a change that is none")
}

func TestWhatCannotBeFollowedIsSaidUntilTheNextChange(t *testing.T) {
	path := file(t, 1<<20)
	v := served(t, "tcmud/fileio"+path)
	v.follow(tcmu.Event{Kind: tcmu.SizeChanged, Size: 2 << 20})
	require.EqualValues(t, 1<<20, said(v).Size)
	require.Equal(t, "dev_size 2097152, in use are 1048576 bytes: "+path+
		" has 1048576 bytes, 2097152 are asked for: enlarge it with \"truncate -s 2097152 "+path+"\", or ask for less", said(v).Error)
	require.Equal(t, control.Serving, said(v).State)
	v.follow(tcmu.Event{Kind: tcmu.SizeChanged, Size: 1 << 20})
	require.Empty(t, said(v).Error)
}

func TestWriteCacheIsFollowed(t *testing.T) {
	v := served(t, "tcmud/fileio"+file(t, 1<<20))
	require.False(t, v.disk.Load().WriteCache())
	for _, on := range []bool{true, true, false, false} {
		v.follow(tcmu.Event{Kind: tcmu.WriteCacheChanged, WriteCache: on})
		require.Equal(t, on, v.disk.Load().WriteCache())
		require.Empty(t, said(v).Error)
	}
	v = served(t, "tcmud/null")
	v.follow(tcmu.Event{Kind: tcmu.WriteCacheChanged, WriteCache: true})
	require.Contains(t, said(v).Error, "no volatile cache")
}

func TestOptionsAreFollowed(t *testing.T) {
	const protected = "tcmud/null;write_protect=1;max_unmap_lba_count=64"
	v := served(t, "tcmud/null")
	attribute(t, v, "info", "Status: ACTIVATED  Max Queue Depth: 0")
	nexus := v.disk.Load().Join("host")
	v.follow(tcmu.Event{Kind: tcmu.ConfigChanged, Config: protected + "\n"}) // as echo writes it
	require.Equal(t, protected, said(v).Config)
	require.Empty(t, said(v).Error)
	require.True(t, v.disk.Load().Is(scsi.WriteProtect))
	require.Equal(t, scsi.ModeParametersChanged, nexus.TakeAttention().Code)
	require.Equal(t, scsi.InquiryDataChanged, nexus.TakeAttention().Code)
	v.follow(tcmu.Event{Kind: tcmu.ConfigChanged, Config: protected})
	require.True(t, nexus.TakeAttention().OK())
	v.follow(tcmu.Event{Kind: tcmu.ConfigChanged, Config: "tcmud/null"})
	require.False(t, v.disk.Load().Is(scsi.WriteProtect))
}

func TestADeviceInUseKeepsItsStore(t *testing.T) {
	config := "tcmud/fileio" + file(t, 1<<20)
	for asked, message := range map[string]string{
		"tcmud/fileio/another":                         "a device in use keeps its store, " + config,
		"tcmud/ramdisk":                                "a device in use keeps its store",
		"tcmud/fileio;emulate_tpu=0" + config[12:]:     "emulate_tpu stays as it is while LUNs are made of the device",
		"tcmud/fileio;write_protect=yes" + config[12:]: "give 0 or 1",
		"rbd/pool/image":                               "is not ours",
	} {
		t.Run(asked, func(t *testing.T) {
			v := served(t, config)
			defer v.stop()
			attribute(t, v, "info", "Status: ACTIVATED  Max Queue Depth: 0")
			v.follow(tcmu.Event{Kind: tcmu.ConfigChanged, Config: asked})
			require.Contains(t, said(v).Error, message)
			require.Equal(t, config, said(v).Config)
			require.Equal(t, control.Serving, said(v).State)
		})
	}
}

// until waits for the device to be another volume that is not attaching.
func until(t *testing.T, d *Daemon, config string) control.Device {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := d.Wait(ctx, 7, "rd0")
	require.NoError(t, err)
	require.Equal(t, config, got.Config)
	return got
}

func TestADeviceThatNobodyUsesIsAttachedAnew(t *testing.T) {
	v := served(t, "tcmud/null")
	close(v.ended) // it has no ring that would end
	v.follow(tcmu.Event{Kind: tcmu.ConfigChanged, Config: "tcmud/null;emulate_tpu=0"})
	until(t, v.d, "tcmud/null;emulate_tpu=0")
	require.ErrorIs(t, v.ctx.Err(), context.Canceled)
	require.NoError(t, v.d.drain())
}

func TestANewConfigurationMayCureADeviceThatHasFailed(t *testing.T) {
	d := idle(t)
	v := device(t, d, "rd0")
	v.uio.Config = "tcmud/fileio/nowhere/disk"
	d.add(v.uio, tcmu.Mark{})
	failed := until(t, d, v.uio.Config)
	require.Contains(t, failed.Error, "no such file") // of its attributes, but it is not to be cured by them
	d.reconfigure(tcmu.Event{Kind: tcmu.SizeChanged, UIO: v.uio, Size: 512})
	require.Equal(t, failed, until(t, d, v.uio.Config))
	d.reconfigure(tcmu.Event{Kind: tcmu.ConfigChanged, UIO: v.uio, Config: "tcmud/null"})
	require.Equal(t, control.Failed, until(t, d, "tcmud/null").State, "there is no ring")
	require.NoError(t, d.drain())
}

func TestChangesThatComeWhileADeviceIsAttachedAreNotLost(t *testing.T) {
	v := served(t, "tcmud/null")
	v.enter(control.Attaching, nil)
	v.follow(tcmu.Event{Kind: tcmu.SizeChanged, Size: 4 << 20})
	v.follow(tcmu.Event{Kind: tcmu.SizeChanged, Size: 2 << 20})
	require.EqualValues(t, 1<<20, v.size())
	v.attached(control.Serving, nil)
	require.EqualValues(t, 2<<20, said(v).Size)
}

func TestWhatWasMissedIsReadFromConfigfs(t *testing.T) {
	v := served(t, "tcmud/null")
	attribute(t, v, "attrib/dev_size", "8388608")
	attribute(t, v, "attrib/dev_config", "tcmud/null;write_protect=1")
	v.d.refresh()
	require.EqualValues(t, 8<<20, said(v).Size)
	require.True(t, v.disk.Load().Is(scsi.WriteProtect))
	require.NoError(t, os.RemoveAll(v.so.Path()))
	v.d.refresh()
	require.EqualValues(t, 8<<20, said(v).Size, "a device on its way out stays as it is")
}

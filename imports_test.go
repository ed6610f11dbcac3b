package tcmud_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/tcmud/tcmud/"

// allowed is what each folder may import besides the standard library and itself (docs/architecture.md). A folder of
// programs may import anything. Packages for tests, which are named so, may do as they like too.
var allowed = map[string][]string{
	"scsi":    {"golang.org/x/sys"}, // for scsi/sgio, which makes system calls
	"spc":     {"scsi"},
	"sbc":     {"scsi", "spc", "backend"},
	"backend": {"golang.org/x/sys"},
	"lio":     {"golang.org/x/sys", "github.com/fsnotify/fsnotify"}, // fsnotify: to tell of changes by others
	"tcmu":    {"scsi", "golang.org/x/sys", "github.com/mdlayher/genetlink", "github.com/mdlayher/netlink"},
}

// programs are the folders that may import anything, and that no other may.
var programs = []string{"cmd", "vm", "bench"}

// TestImportsRunOneWay: from the programs down to scsi and the stores.
func TestImportsRunOneWay(t *testing.T) {
	seen := map[string]bool{}
	for path, imports := range packages(t) {
		folder := folderOf(path)
		seen[folder] = true
		if strings.HasSuffix(path, "test") || slices.Contains(programs, folder) {
			continue
		}
		require.Contains(t, allowed, folder, "say in allowed what package %s may import", path)
		for _, i := range imports {
			require.True(t, may(folder, i), "%s imports %s, and may only import %q", path, i, allowed[folder])
		}
	}
	for folder := range allowed {
		require.True(t, seen[folder], "%s has no packages: take it out of allowed", folder)
	}
}

// may says whether packages of a folder may import one.
func may(folder, imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return true // the standard library
	}
	if strings.HasPrefix(imported, module) {
		imported = folderOf(imported)
	}
	return imported == folder || slices.ContainsFunc(allowed[folder], func(a string) bool {
		return imported == a || strings.HasPrefix(imported, a+"/")
	})
}

func folderOf(path string) string {
	folder, _, _ := strings.Cut(strings.TrimPrefix(path, module), "/")
	return folder
}

// packages is what each package of this module imports, without its tests.
func packages(t *testing.T) map[string][]string {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	require.NoError(t, err)
	imports := map[string][]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if p.ImportPath+"/" != module {
			imports[p.ImportPath] = p.Imports
		}
	}
	require.NotEmpty(t, imports)
	return imports
}

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// infoCommand tells all that is known of a node.
var infoCommand = command{name: "info", help: "show all that is known about this node", run: info}

func info(_ context.Context, at *node, _ args) (result, error) {
	v, err := look(at, 0)
	if err != nil {
		return result{}, err
	}
	if at.kind.details != nil {
		more, err := at.kind.details(at)
		if err != nil {
			return result{}, err
		}
		maps.Copy(v.Properties, more)
	}
	rows := [][2]string{{"path:", v.Path}}
	if v.Summary != "..." {
		rows = append(rows, [2]string{"status:", v.Summary})
	}
	properties := len(rows)
	for name, value := range v.Properties {
		rows = append(rows, [2]string{name + ":", plain(value)})
	}
	slices.SortFunc(rows[properties:], func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return result{align("", rows), v}, nil
}

// plain is a property for people.
func plain(value any) string {
	if list, ok := value.([]string); ok {
		return strings.Join(list, ", ")
	}
	return fmt.Sprint(value)
}

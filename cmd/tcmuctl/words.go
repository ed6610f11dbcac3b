package main

import (
	"errors"
	"strings"
)

// word is one of a command line.
type word struct {
	text string // without quotes
	at   int    // where it begins in the line
}

// cut takes a line apart into words, as a shell does: blanks are between them, unless in quotes or behind a backslash,
// and a # that begins a word makes the rest a comment. A quote left open is the error; its word is the last all the
// same.
func cut(line string) ([]word, error) {
	var words []word
	for i := 0; i < len(line); {
		switch line[i] {
		case ' ', '\t', '\r':
			i++
		case '#':
			return words, nil
		default:
			text, length, err := cutOne(line[i:])
			words = append(words, word{text, i})
			if err != nil {
				return words, err
			}
			i += length
		}
	}
	return words, nil
}

// cutOne takes the word that line begins with; length is what it takes of the line.
func cutOne(line string) (text string, length int, err error) {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		case quote != 0:
			b.WriteByte(c)
		case c == '\'' || c == '"':
			quote = c
		case c == ' ' || c == '\t' || c == '\r':
			return b.String(), i, nil
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return b.String(), len(line), errors.New("a quote is not closed: end the word with " + string(quote))
	}
	return b.String(), len(line), nil
}

// begun is cut for a line that is still being typed: its last word, which may be empty, is the one under the cursor.
func begun(line string) []word {
	words, err := cut(line)
	ended := line == "" || strings.HasSuffix(line, " ") && !strings.HasSuffix(line, "\\ ")
	if err == nil && (ended || len(words) == 0) {
		words = append(words, word{"", len(line)})
	}
	return words
}

// quoted is a word as it has to be typed, here and in a shell of the system. A blank at its end is left: it only ends
// the word.
func quoted(text string) string {
	var b strings.Builder
	for _, c := range strings.TrimSuffix(text, " ") {
		if strings.ContainsRune(special, c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	if strings.HasSuffix(text, " ") {
		b.WriteByte(' ')
	}
	return b.String()
}

const special = " \t\\'\"`$&;()<>|*?#!"

func texts(words []word) []string {
	var list []string
	for _, w := range words {
		list = append(list, w.text)
	}
	return list
}

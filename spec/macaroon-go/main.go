// Command macaroon-vectors writes ../vectors/macaroon.json with gopkg.in/macaroon.v2, the library that aperture and every Go client of
// L402 run. Fixed keys, so that the same library writes the same bytes:
//
//	go run . > ../vectors/macaroon.json
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"

	macaroon "gopkg.in/macaroon.v2"
)

type minted struct {
	Name       string   `json:"name"`
	RootKey    string   `json:"rootKey"`
	Identifier string   `json:"identifier"`
	Location   string   `json:"location"`
	Caveats    []string `json:"caveats"`
	Signature  string   `json:"signature"`
	Bytes      string   `json:"bytes"`
	Base64     string   `json:"base64"`
}

type judged struct {
	Name    string `json:"name"`
	RootKey string `json:"rootKey"`
	Bytes   string `json:"bytes"`
	// Whether the library reads it, and whether it verifies with the key when every first-party caveat is accepted.
	Reads    bool `json:"reads"`
	Verifies bool `json:"verifies"`
}

type file struct {
	About  string   `json:"about"`
	Minted []minted `json:"minted"`
	Judged []judged `json:"judged"`
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func identifier(n byte) []byte {
	id := binary.BigEndian.AppendUint16(nil, 0)
	id = append(id, bytes.Repeat([]byte{n}, 32)...)
	return append(id, bytes.Repeat([]byte{n + 1}, 32)...)
}

func mint(key, id []byte, location string, caveats ...string) *macaroon.Macaroon {
	m := must(macaroon.New(key, id, location, macaroon.V2))
	for _, caveat := range caveats {
		if err := m.AddFirstPartyCaveat([]byte(caveat)); err != nil {
			panic(err)
		}
	}
	return m
}

func row(name string, key, id []byte, location string, caveats ...string) minted {
	m := mint(key, id, location, caveats...)
	raw := must(m.MarshalBinary())
	if caveats == nil {
		caveats = []string{}
	}
	return minted{
		name, hex.EncodeToString(key), hex.EncodeToString(id), location, caveats,
		hex.EncodeToString(m.Signature()), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw),
	}
}

func judge(name string, key, raw []byte) judged {
	var m macaroon.Macaroon
	if err := m.UnmarshalBinary(raw); err != nil {
		return judged{name, hex.EncodeToString(key), hex.EncodeToString(raw), false, false}
	}
	err := m.Verify(key, func(string) error { return nil }, nil)
	return judged{name, hex.EncodeToString(key), hex.EncodeToString(raw), true, err == nil}
}

func main() {
	key := bytes.Repeat([]byte{7}, 32)
	id := identifier(0x11)
	good := must(mint(key, id, "api.example.com", "services=stream:0", "stream_valid_until=1767323045").MarshalBinary())
	changed := func(edit func(raw []byte) []byte) []byte { return edit(bytes.Clone(good)) }

	out := file{
		About: "Macaroons as gopkg.in/macaroon.v2 v2.1.0 writes and judges them (spec/macaroon-go). Keys, identifiers, signatures and bytes are hex.",
		Minted: []minted{
			row("as aperture mints them", key, id, "lsat", "services=stream:0", "stream_capabilities=", "stream_valid_until=1767323045"),
			row("an allowance", key, id, "api.example.com", "services=stream:0", "stream_allowance=20000:token"),
			row("no location, no caveats", key, id, ""),
			row("a short root key", []byte("short"), id, "api.example.com", "services=a:0,b:1"),
			row("a long root key", bytes.Repeat([]byte{0xfe}, 100), id, "api.example.com", "services=a:0"),
			row("an empty root key", []byte{}, id, "x", "a=b"),
			row("a location and a caveat with lengths of two bytes", key, id, strings.Repeat("l", 200), "note="+strings.Repeat("é", 150)),
			row("another identifier", key, []byte("plain text"), "x", "a=b", "a=b"),
		},
		Judged: []judged{
			judge("unchanged", key, good),
			judge("another key", bytes.Repeat([]byte{8}, 32), good),
			judge("a caveat changed", key, bytes.Replace(good, []byte("stream:0"), []byte("stream:1"), 1)),
			judge("the location changed, which nothing signs", key, bytes.Replace(good, []byte("api.example"), []byte("apj.example"), 1)),
			judge("the signature changed", key, changed(func(raw []byte) []byte { raw[len(raw)-1] ^= 1; return raw })),
			judge("the last caveat cut off", key, bytes.Replace(good, []byte("\x02\x1dstream_valid_until=1767323045\x00"), nil, 1)),
			judge("cut short", key, good[:len(good)-1]),
			judge("nothing", key, []byte{}),
			judge("version 1 of the format", key, append([]byte{1}, good[1:]...)),
			judge("no identifier", key, append([]byte{2, 0, 0, 6, 32}, bytes.Repeat([]byte{0}, 32)...)),
			judge("a signature of 31 bytes", key, append([]byte{2, 2, 1, 'x', 0, 0, 6, 31}, bytes.Repeat([]byte{0}, 31)...)),
			judge("fields out of order", key, append([]byte{2, 2, 1, 'x', 1, 1, 'y', 0, 0, 6, 32}, bytes.Repeat([]byte{0}, 32)...)),
			judge("a location in a first-party caveat", key, append([]byte{2, 2, 1, 'x', 0, 1, 1, 'y', 2, 1, 'z', 0, 0, 6, 32}, bytes.Repeat([]byte{0}, 32)...)),
			judge("a length beyond the end", key, []byte{2, 2, 0xff, 0xff, 0xff, 0xff, 0x07, 'x'}),
			judge("a length of eleven bytes", key, []byte{2, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}),
			judge("the end marker after the caveats missing", key, changed(func(raw []byte) []byte {
				at := len(raw) - 35
				return append(raw[:at:at], raw[at+1:]...)
			})),
		},
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(out); err != nil {
		panic(err)
	}
}

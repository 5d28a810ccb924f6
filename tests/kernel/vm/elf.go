package vm

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// dependsOn reads which modules a module needs, from its own .modinfo: a kernel
// package has no modules.dep before it is installed.
func dependsOn(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := f.Section(".modinfo")
	if s == nil {
		return nil, fmt.Errorf("%s has no .modinfo", file)
	}
	data, err := s.Data()
	if err != nil {
		return nil, err
	}
	for _, entry := range bytes.Split(data, []byte{0}) {
		if v, ok := bytes.CutPrefix(entry, []byte("depends=")); ok && len(v) > 0 {
			return strings.Split(strings.ReplaceAll(string(v), "-", "_"), ","), nil
		}
	}
	return nil, nil
}

// loadOrder lists modules and what they need, in the order to load them. A module
// that the package does not have is taken to be built in.
func (k *Kernel) loadOrder(names ...string) (order []string, err error) {
	seen := map[string]bool{}
	var visit func(string) error
	visit = func(name string) error {
		file := k.Modules[name]
		if seen[name] || file == "" {
			return nil
		}
		seen[name] = true
		needs, err := dependsOn(file)
		if err != nil {
			return err
		}
		for _, n := range needs {
			if err := visit(n); err != nil {
				return err
			}
		}
		order = append(order, name)
		return nil
	}
	for _, n := range names {
		if err := visit(n); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// libraryDirs are where a program's libraries are looked for.
var libraryDirs = []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}

// libraries adds what a program needs to run to m: path in the guest -> file here.
func libraries(m map[string]string, program string) error {
	f, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		b := make([]byte, p.Filesz)
		if _, err := p.ReadAt(b, 0); err != nil {
			return err
		}
		interp := string(bytes.TrimRight(b, "\x00"))
		m[interp] = interp
	}
	needed, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	for _, lib := range needed {
		to := "/lib/x86_64-linux-gnu/" + lib
		if m[to] != "" {
			continue
		}
		for _, d := range libraryDirs {
			from := filepath.Join(d, lib)
			if _, err := os.Stat(from); err == nil {
				m[to] = from
				break
			}
		}
		if m[to] == "" {
			return fmt.Errorf("%s needs %s, which is not in %v", program, lib, libraryDirs)
		}
		if err := libraries(m, m[to]); err != nil {
			return err
		}
	}
	return nil
}

package preload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// Index is the list of images whose root directories the node's own root carries.
type Index struct {
	Images []Image `json:"images"`
}

// Image is one entry of the index: names it is known by, where its root directory
// lies, and what its configuration says (fields as in the OCI image specification).
type Image struct {
	Names      []string `json:"names"`
	Rootfs     string   `json:"rootfs"`
	Entrypoint []string `json:"entrypoint,omitempty"`
	Cmd        []string `json:"cmd,omitempty"`
	Env        []string `json:"env,omitempty"`
	User       string   `json:"user,omitempty"`
	WorkingDir string   `json:"workdir,omitempty"`
	// Digest identifies the content of Rootfs. Without it two builds with different
	// content under the same names get the same image id.
	Digest string `json:"digest,omitempty"`
	// Namespaces are containerd's; the plugin's configuration gives the default.
	Namespaces []string `json:"namespaces,omitempty"`
}

// ReadIndex reads and checks the index. A node without the file carries no images.
func ReadIndex(file string) (Index, error) {
	var index Index
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return index, nil
	}
	if err != nil {
		return index, err
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return index, fmt.Errorf("%s: %w", file, err)
	}
	for i, image := range index.Images {
		if len(image.Names) == 0 {
			return index, fmt.Errorf("%s: images[%d]: no names", file, i)
		}
		if !path.IsAbs(image.Rootfs) {
			return index, fmt.Errorf("%s: images[%d] (%s): rootfs %q is not an absolute path", file, i, image.Names[0], image.Rootfs)
		}
		info, err := os.Stat(image.Rootfs)
		if err != nil {
			return index, fmt.Errorf("%s: images[%d] (%s): %w", file, i, image.Names[0], err)
		}
		if !info.IsDir() {
			return index, fmt.Errorf("%s: images[%d] (%s): rootfs %s is not a directory", file, i, image.Names[0], image.Rootfs)
		}
	}
	return index, nil
}

package preload

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"runtime"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// blobs are the three content blobs that make an entry of the index an OCI image.
// They depend on the entry alone, so that every node and every start computes the same.
type blobs struct {
	manifest, config, layer []byte

	manifestDesc, configDesc, layerDesc ocispec.Descriptor
}

// layerNote is the only file in an image's layer blob. The blob exists because a
// manifest's layers must be present for the CRI plugin to accept an image; the files
// of the layer are the directory on the node's root, which nothing ever unpacks.
const layerNote = "dev.talos.preload"

func newBlobs(image Image) (blobs, error) {
	var b blobs
	note, err := json.Marshal(struct {
		Rootfs string `json:"rootfs"`
		Digest string `json:"digest,omitempty"`
	}{image.Rootfs, image.Digest})
	if err != nil {
		return b, err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: layerNote, Mode: 0o444, Size: int64(len(note)), Format: tar.FormatUSTAR}); err != nil {
		return b, err
	}
	if _, err := w.Write(note); err != nil {
		return b, err
	}
	if err := w.Close(); err != nil {
		return b, err
	}
	b.layer = archive.Bytes()
	b.layerDesc = describe(ocispec.MediaTypeImageLayer, b.layer)

	if b.config, err = json.Marshal(ocispec.Image{
		Platform: ocispec.Platform{Architecture: runtime.GOARCH, OS: "linux"},
		Config: ocispec.ImageConfig{
			Entrypoint: image.Entrypoint,
			Cmd:        image.Cmd,
			Env:        image.Env,
			User:       image.User,
			WorkingDir: image.WorkingDir,
		},
		// An image of one layer: its chain id is the layer's diff id.
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{b.layerDesc.Digest}},
	}); err != nil {
		return b, err
	}
	b.configDesc = describe(ocispec.MediaTypeImageConfig, b.config)

	if b.manifest, err = json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    b.configDesc,
		Layers:    []ocispec.Descriptor{b.layerDesc},
	}); err != nil {
		return b, err
	}
	b.manifestDesc = describe(ocispec.MediaTypeImageManifest, b.manifest)
	return b, nil
}

// chainID names the snapshot that holds the image's files.
func (b blobs) chainID() string { return b.layerDesc.Digest.String() }

func describe(mediaType string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

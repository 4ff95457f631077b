// Package preload is a containerd plugin that makes directories of the node's root
// known as container images, without a copy.
//
// A layer of the overlayfs snapshotter is the directory snapshots/<id>/fs, and the
// kernel follows symbolic links in lowerdir= and in the source of a bind mount. So a
// committed snapshot whose fs is a link to /usr/lib/images/<name>/rootfs is a layer
// that lies on the verified root: nothing is unpacked, and since the programs in it
// are hard links to the node's own, containers and host share their pages.
//
// Rejected: a snapshotter of our own (pulled images would need it to repeat all of
// overlayfs'), the erofs snapshotter (a second copy of each program, not shared with
// the host's pages), importing archives at first boot (seconds, and a copy).
//
// It is a service plugin because the CRI plugin requires those: its images exist
// before the CRI service reads its first list.
package preload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
)

// label marks image records made by this plugin; its value is the root directory.
const label = "dev.talos/preload"

// snapshotter is the one whose layout (snapshots/<id>/fs) the package relies on.
const snapshotter = "overlayfs"

// Config is the plugin's section in containerd's configuration.
type Config struct {
	// Index is the path of the index file.
	Index string `toml:"index"`
	// Namespaces get every image whose entry names none.
	Namespaces []string `toml:"namespaces"`
}

func defaultConfig() *Config {
	return &Config{Index: "/usr/share/images/index.json", Namespaces: []string{"k8s.io"}}
}

func init() {
	registry.Register(&plugin.Registration{
		Type:     plugins.ServicePlugin,
		ID:       "preload",
		Requires: []plugin.Type{plugins.MetadataPlugin},
		Config:   defaultConfig(),
		InitFn: func(ic *plugin.InitContext) (any, error) {
			config := ic.Config.(*Config)
			db, err := ic.GetSingle(plugins.MetadataPlugin)
			if err != nil {
				return nil, err
			}
			start := time.Now()
			index, err := ReadIndex(config.Index)
			if err != nil {
				return nil, err
			}
			if err := Register(ic.Context, db.(*metadata.DB), index, config.Namespaces); err != nil {
				return nil, err
			}
			log.G(ic.Context).WithField("images", len(index.Images)).WithField("took", time.Since(start)).Info("images of the root registered")
			return index, nil
		},
	})
}

// Register makes the image records of every namespace match the index: missing ones
// are made, ones from an earlier root are removed. A second call writes nothing.
func Register(ctx context.Context, db *metadata.DB, index Index, defaults []string) error {
	wanted := map[string][]Image{}
	// Every namespace there is, for what an earlier root put there.
	existing, err := namespaceNames(db)
	if err != nil {
		return fmt.Errorf("preload: %w", err)
	}
	for _, ns := range existing {
		wanted[ns] = nil
	}
	for _, image := range index.Images {
		in := image.Namespaces
		if len(in) == 0 {
			in = defaults
		}
		for _, ns := range in {
			wanted[ns] = append(wanted[ns], image)
		}
	}
	for ns, list := range wanted {
		s := store{
			images:    metadata.NewImageStore(db),
			content:   db.ContentStore(),
			snapshots: db.Snapshotter(snapshotter),
			leases:    metadata.NewLeaseManager(db),
		}
		if s.snapshots == nil {
			return fmt.Errorf("preload: snapshotter %s is not there", snapshotter)
		}
		if err := s.sync(namespaces.WithNamespace(ctx, ns), list); err != nil {
			return fmt.Errorf("preload: namespace %s: %w", ns, err)
		}
	}
	return nil
}

func namespaceNames(db *metadata.DB) ([]string, error) {
	var names []string
	err := db.View(func(tx *bolt.Tx) (err error) {
		names, err = metadata.NewNamespaceStore(tx).List(context.Background())
		return err
	})
	return names, err
}

// store is what one namespace is written through.
type store struct {
	images    images.Store
	content   content.Store
	snapshots snapshots.Snapshotter
	leases    leases.Manager
}

func (s store) sync(ctx context.Context, list []Image) error {
	records, err := s.images.List(ctx)
	if err != nil {
		return err
	}
	present := make(map[string]images.Image, len(records))
	for _, record := range records {
		present[record.Name] = record
	}
	keep := map[string]bool{}
	leased := false
	for _, image := range list {
		b, err := newBlobs(image)
		if err != nil {
			return err
		}
		// The CRI plugin knows an image by its id as well; without the record of that
		// name it would make one, and write it at every start of a new root.
		names := append([]string{b.configDesc.Digest.String()}, image.Names...)
		for _, name := range names {
			keep[name] = true
		}
		if s.complete(ctx, present, names, b, image) {
			continue
		}
		if !leased {
			// Without a lease the collector may take the blobs before a record names them.
			lease, err := s.leases.Create(ctx, leases.WithRandomID(), leases.WithExpiration(time.Minute))
			if err != nil {
				return err
			}
			cleanup := ctx
			defer func() {
				if err := s.leases.Delete(cleanup, lease); err != nil {
					log.G(ctx).WithError(err).Warn("preload: lease not deleted, it expires in a minute")
				}
			}()
			ctx, leased = leases.WithLease(ctx, lease.ID), true
		}
		if err := s.add(ctx, present, names, b, image); err != nil {
			return fmt.Errorf("image %s: %w", image.Names[0], err)
		}
	}
	for name, record := range present {
		if _, ours := record.Labels[label]; ours && !keep[name] {
			if err := s.images.Delete(ctx, name); err != nil && !errdefs.IsNotFound(err) {
				return fmt.Errorf("image %s of an earlier root: %w", name, err)
			}
		}
	}
	return nil
}

// complete reports whether nothing has to be written for an image. Blobs and snapshot
// are asked for too: a power cut may have kept the record and lost a blob.
func (s store) complete(ctx context.Context, present map[string]images.Image, names []string, b blobs, image Image) bool {
	for _, name := range names {
		record, ok := present[name]
		if !ok || record.Target.Digest != b.manifestDesc.Digest || record.Labels[label] != image.Rootfs {
			return false
		}
	}
	for _, desc := range []v1.Descriptor{b.manifestDesc, b.configDesc, b.layerDesc} {
		reader, err := s.content.ReaderAt(ctx, desc)
		if err != nil {
			return false
		}
		size := reader.Size()
		reader.Close()
		if size != desc.Size {
			return false
		}
	}
	_, err := s.snapshots.Stat(ctx, b.chainID())
	return err == nil
}

func (s store) add(ctx context.Context, present map[string]images.Image, names []string, b blobs, image Image) error {
	if err := s.snapshot(ctx, b.chainID(), image.Rootfs); err != nil {
		return err
	}
	for _, blob := range []struct {
		desc   v1.Descriptor
		data   []byte
		labels map[string]string
	}{
		{b.layerDesc, b.layer, nil},
		{b.configDesc, b.config, map[string]string{"containerd.io/gc.ref.snapshot." + snapshotter: b.chainID()}},
		{b.manifestDesc, b.manifest, map[string]string{
			"containerd.io/gc.ref.content.config": b.configDesc.Digest.String(),
			"containerd.io/gc.ref.content.l.0":    b.layerDesc.Digest.String(),
		}},
	} {
		if err := s.blob(ctx, blob.desc, blob.data, blob.labels); err != nil {
			return err
		}
	}
	for _, name := range names {
		record := images.Image{
			Name:   name,
			Target: b.manifestDesc,
			Labels: map[string]string{
				label:                      image.Rootfs,
				"io.cri-containerd.image":  "managed",
				"io.cri-containerd.pinned": "pinned",
			},
		}
		var err error
		if _, ok := present[name]; ok {
			_, err = s.images.Update(ctx, record, "target", "labels")
		} else {
			_, err = s.images.Create(ctx, record)
		}
		if err != nil {
			return fmt.Errorf("record %s: %w", name, err)
		}
		present[name] = record // two entries of the index may have the same id
	}
	return nil
}

func (s store) blob(ctx context.Context, desc v1.Descriptor, data []byte, labels map[string]string) error {
	if reader, err := s.content.ReaderAt(ctx, desc); err == nil {
		size := reader.Size()
		reader.Close()
		if size == desc.Size {
			return nil
		}
		// A power cut can leave a committed blob without its bytes.
		if err := s.content.Delete(ctx, desc.Digest); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	if err := content.WriteBlob(ctx, s.content, "preload-"+desc.Digest.String(), bytes.NewReader(data), desc, content.WithLabels(labels)); err != nil {
		return fmt.Errorf("blob %s: %w", desc.Digest, err)
	}
	return nil
}

// snapshot commits a snapshot under the chain id whose directory is a link to rootfs.
func (s store) snapshot(ctx context.Context, chainID, rootfs string) error {
	if _, err := s.snapshots.Stat(ctx, chainID); err == nil {
		return nil
	}
	key := "preload-" + chainID
	mounts, err := s.snapshots.Prepare(ctx, key, "")
	if errdefs.IsAlreadyExists(err) {
		// Left by a start that was cut off: its directory may or may not be a link yet.
		mounts, err = s.snapshots.Mounts(ctx, key)
	}
	if err != nil {
		return fmt.Errorf("snapshot %s: %w", chainID, err)
	}
	if len(mounts) != 1 || mounts[0].Type != "bind" || filepath.Base(mounts[0].Source) != "fs" {
		return errors.Join(
			fmt.Errorf("snapshot %s: snapshotter %s has another layout than snapshots/<id>/fs: %v", chainID, snapshotter, mounts),
			s.snapshots.Remove(ctx, key))
	}
	layer := mounts[0].Source
	if err := os.Remove(layer); err != nil {
		return err
	}
	if err := os.Symlink(rootfs, layer); err != nil {
		return err
	}
	if err := s.snapshots.Commit(ctx, chainID, key); err != nil && !errdefs.IsAlreadyExists(err) {
		return fmt.Errorf("snapshot %s: %w", chainID, err)
	}
	return nil
}

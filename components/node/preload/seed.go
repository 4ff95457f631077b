package preload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/containerd/log"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"
	bolt "go.etcd.io/bbolt"
)

// On a node's first start nothing is registered, and registering writes thirteen
// transactions an image, each with an fsync: half a second on a busy disk, before the
// first pod can start. So an empty root is filled in memory first and copied in one go.
//
// One transaction for all was rejected: containerd's stores take their lock again in
// every call, and would wait for ever behind a collection that waits for the first.

// Where upstream's plugins keep their files below containerd's root.
const (
	contentDir  = string(plugins.ContentPlugin) + ".content"
	overlayDir  = string(plugins.SnapshotPlugin) + "." + snapshotter
	metadataDir = string(plugins.MetadataPlugin) + ".bolt"
	database    = metadataDir + "/meta.db"
	layersDB    = overlayDir + "/metadata.db"
)

// First puts the seeding of an empty root before all other plugins, which open the
// files that it writes. Plugins start in the order of their registration where no
// requirement says otherwise. Call it once, before containerd starts.
func First() {
	others := registry.Graph(nil)
	registry.Reset()
	registry.Register(&plugin.Registration{
		Type:   plugins.InternalPlugin,
		ID:     "preload-seed",
		Config: defaultConfig(),
		InitFn: func(ic *plugin.InitContext) (any, error) {
			config := ic.Config.(*Config)
			root := filepath.Dir(ic.Properties[plugins.PropertyRootDir])
			start := time.Now()
			seeded, err := Seed(ic.Context, root, ic.Properties[plugins.PropertyStateDir], *config)
			if err != nil {
				// Registering one by one still works; slower, and it says what is wrong.
				log.G(ic.Context).WithError(err).Warn("preload: empty root not seeded")
				return nil, plugin.ErrSkipPlugin
			}
			if seeded {
				log.G(ic.Context).WithField("took", time.Since(start)).Info("empty root seeded with the images of the node's root")
			}
			return nil, nil
		},
	})
	for i := range others {
		registry.Register(&others[i])
	}
}

// Seed fills containerd's root with the images of the index, if it has no database yet.
// work is a directory to do it in, best on a file system in memory; it is removed.
func Seed(ctx context.Context, root, work string, config Config) (seeded bool, err error) {
	if _, err := os.Lstat(filepath.Join(root, database)); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	index, err := ReadIndex(config.Index)
	if err != nil || len(index.Images) == 0 {
		return false, err
	}
	if err := os.RemoveAll(work); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := build(ctx, work, index, config.Namespaces); err != nil {
		return false, err
	}
	// Layers without the database that names them are what a cut-off start left.
	if err := os.RemoveAll(filepath.Join(root, overlayDir)); err != nil {
		return false, err
	}
	for _, dir := range []string{contentDir, overlayDir} {
		if err := copyTree(filepath.Join(work, dir), filepath.Join(root, dir)); err != nil {
			return false, err
		}
	}
	// Databases must be whole after a power cut, blobs are checked at every start. The
	// one whose presence says that all is there comes last.
	if err := syncFile(filepath.Join(root, layersDB)); err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Join(root, metadataDir), 0o711); err != nil {
		return false, err
	}
	target := filepath.Join(root, database)
	if err := copyFile(filepath.Join(work, database), target+".new", 0o644); err != nil {
		return false, err
	}
	if err := syncFile(target + ".new"); err != nil {
		return false, err
	}
	return true, os.Rename(target+".new", target)
}

// build makes a containerd root in dir that holds nothing but the images.
func build(ctx context.Context, dir string, index Index, defaults []string) error {
	for _, name := range []string{contentDir, overlayDir, metadataDir} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o711); err != nil {
			return err
		}
	}
	blobs, err := local.NewStore(filepath.Join(dir, contentDir))
	if err != nil {
		return err
	}
	layers, err := overlay.NewSnapshotter(filepath.Join(dir, overlayDir))
	if err != nil {
		return err
	}
	defer layers.Close()
	file, err := bolt.Open(filepath.Join(dir, database), 0o644, &bolt.Options{NoFreelistSync: true, NoSync: true})
	if err != nil {
		return err
	}
	defer file.Close()
	db := metadata.NewDB(file, blobs, map[string]snapshots.Snapshotter{snapshotter: layers})
	if err := db.Init(ctx); err != nil {
		return err
	}
	return Register(ctx, db, index, defaults)
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, info.Mode().Perm())
		case entry.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case entry.Type().IsRegular():
			return copyFile(path, target, info.Mode().Perm())
		}
		return fmt.Errorf("%s is neither directory, link nor file", path)
	})
}

func copyFile(from, to string, mode fs.FileMode) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

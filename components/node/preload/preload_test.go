package preload

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	bolt "go.etcd.io/bbolt"
)

// testDatabase is containerd's own: metadata, content and overlayfs snapshotter in a temporary directory.
func testDatabase(t *testing.T) *metadata.DB {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("overlayfs needs root")
	}
	dir := t.TempDir()
	blobs, err := local.NewStore(filepath.Join(dir, "content"))
	if err != nil {
		t.Fatal(err)
	}
	layers, err := overlay.NewSnapshotter(filepath.Join(dir, "snapshots"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := bolt.Open(filepath.Join(dir, "meta.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { layers.Close(); file.Close() })
	db := metadata.NewDB(file, blobs, map[string]snapshots.Snapshotter{snapshotter: layers})
	if err := db.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func rootfs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "program"), []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func names(t *testing.T, ctx context.Context, db *metadata.DB) []string {
	t.Helper()
	list, err := metadata.NewImageStore(db).List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var result []string
	for _, image := range list {
		if !strings.HasPrefix(image.Name, "sha256:") {
			result = append(result, image.Name)
		}
	}
	slices.Sort(result)
	return result
}

func TestRegisteredImageIsALinkToItsRootAndSurvivesCollection(t *testing.T) {
	db, root := testDatabase(t), rootfs(t)
	ctx := namespaces.WithNamespace(t.Context(), "k8s.io")
	image := Image{Names: []string{"example.test/a:1", "example.test/a:latest"}, Rootfs: root, Entrypoint: []string{"/program"}}
	if err := Register(t.Context(), db, Index{Images: []Image{image}}, []string{"k8s.io"}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.GarbageCollect(t.Context()); err != nil {
		t.Fatal(err)
	}
	record, err := metadata.NewImageStore(db).Get(ctx, "example.test/a:1")
	if err != nil {
		t.Fatal(err)
	}
	available, _, _, missing, err := images.Check(ctx, db.ContentStore(), record.Target, nil)
	if err != nil || !available || len(missing) > 0 {
		t.Fatalf("content after collection: available %v, missing %v, %v", available, missing, err)
	}
	b, err := newBlobs(image)
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := db.Snapshotter(snapshotter).View(ctx, "view", b.chainID())
	if err != nil {
		t.Fatal(err)
	}
	target, err := os.Readlink(mounts[0].Source)
	if err != nil || target != root {
		t.Errorf("layer %s is a link to %q (%v), want %q", mounts[0].Source, target, err, root)
	}
}

func TestSecondStartWritesNothing(t *testing.T) {
	db, root := testDatabase(t), rootfs(t)
	ctx := namespaces.WithNamespace(t.Context(), "k8s.io")
	index := Index{Images: []Image{{Names: []string{"example.test/a:1"}, Rootfs: root}}}
	var updated []images.Image
	for range 2 {
		if err := Register(t.Context(), db, index, []string{"k8s.io"}); err != nil {
			t.Fatal(err)
		}
		record, err := metadata.NewImageStore(db).Get(ctx, "example.test/a:1")
		if err != nil {
			t.Fatal(err)
		}
		updated = append(updated, record)
	}
	if !updated[0].UpdatedAt.Equal(updated[1].UpdatedAt) {
		t.Errorf("the record was written again: %v, %v", updated[0].UpdatedAt, updated[1].UpdatedAt)
	}
}

func TestImagesOfAnEarlierRootGoAndOthersStay(t *testing.T) {
	db, root := testDatabase(t), rootfs(t)
	k8s, system := namespaces.WithNamespace(t.Context(), "k8s.io"), namespaces.WithNamespace(t.Context(), "system")
	old := Index{Images: []Image{
		{Names: []string{"example.test/a:1"}, Rootfs: root, Namespaces: []string{"k8s.io", "system"}},
		{Names: []string{"example.test/b:1"}, Rootfs: root},
	}}
	if err := Register(t.Context(), db, old, []string{"k8s.io"}); err != nil {
		t.Fatal(err)
	}
	record, err := metadata.NewImageStore(db).Get(k8s, "example.test/b:1")
	if err != nil {
		t.Fatal(err)
	}
	pulled := images.Image{Name: "example.test/pulled:1", Target: record.Target}
	if _, err := metadata.NewImageStore(db).Create(k8s, pulled); err != nil {
		t.Fatal(err)
	}
	if err := Register(t.Context(), db, Index{Images: []Image{{Names: []string{"example.test/a:2"}, Rootfs: root}}}, []string{"k8s.io"}); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, k8s, db), []string{"example.test/a:2", "example.test/pulled:1"}; !slices.Equal(got, want) {
		t.Errorf("k8s.io: %v, want %v", got, want)
	}
	if got := names(t, system, db); len(got) != 0 {
		t.Errorf("system: %v, want none", got)
	}
}

func TestIndexWithFaultsNamesTheEntry(t *testing.T) {
	for text, want := range map[string]string{
		`{"images":[{"rootfs":"/"}]}`:                          "images[0]: no names",
		`{"images":[{"names":["a"],"rootfs":"relative"}]}`:     "images[0] (a)",
		`{"images":[{"names":["a"],"rootfs":"/nonexistent"}]}`: "/nonexistent",
		`{"images":[{"names":["a"],"rootfs":"/dev/null"}]}`:    "not a directory",
		`[`: "index.json",
	} {
		file := filepath.Join(t.TempDir(), "index.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadIndex(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", text, err, want)
		}
	}
	if index, err := ReadIndex("/nonexistent/index.json"); err != nil || len(index.Images) != 0 {
		t.Errorf("no index: %v, %v; want an empty one", index, err)
	}
}

func TestSeededRootIsWhatRegisteringMakes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("overlayfs needs root")
	}
	dir, image := t.TempDir(), Image{Names: []string{"example.test/a:1"}, Rootfs: rootfs(t)}
	root, work := filepath.Join(dir, "root"), filepath.Join(dir, "work")
	index, err := json.Marshal(Index{Images: []Image{image}})
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Index: filepath.Join(dir, "index.json"), Namespaces: []string{"k8s.io"}}
	if err := os.WriteFile(config.Index, index, 0o600); err != nil {
		t.Fatal(err)
	}
	// What a start that was cut off may have left.
	if err := os.MkdirAll(filepath.Join(root, overlayDir, "snapshots/1/fs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for start, want := range []bool{true, false} {
		if seeded, err := Seed(t.Context(), root, work, config); err != nil || seeded != want {
			t.Fatalf("start %d: seeded %v, %v; want %v", start, seeded, err, want)
		}
	}
	if _, err := os.Stat(work); !os.IsNotExist(err) {
		t.Errorf("the work directory is still there: %v", err)
	}
	before, err := os.Stat(filepath.Join(root, database))
	if err != nil {
		t.Fatal(err)
	}
	// On the seeded files registering finds all there, and writes nothing.
	if err := build(t.Context(), root, Index{Images: []Image{image}}, config.Namespaces); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(filepath.Join(root, database))
	if err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(root, overlayDir, "snapshots/1/fs")); err != nil || target != image.Rootfs {
		t.Errorf("layer: link to %q, %v; want %q", target, err, image.Rootfs)
	}
	if before.Size() != after.Size() {
		t.Errorf("database grew from %d to %d bytes", before.Size(), after.Size())
	}
}

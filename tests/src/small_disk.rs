//! A file system of its own with little room.

use std::path::{Path, PathBuf};
use std::process::Command;

/// With this in the environment, tests in CI that need a small disk may pass where there can be none.
pub const MAY_SKIP: &str = "THECHATAPP_WITHOUT_SMALL_DISKS";

/// A small file system over a folder, unmounted at the end.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Over a folder, of a size as `mount` reads it. `None` where this user may not mount: the caller ends without having
    /// tested anything, which CI takes for a failure unless [`MAY_SKIP`] is set.
    pub fn over(folder: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"])
            .arg(folder)
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            let may_skip = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let words = "this user may not mount a small file system, so nothing was tested of a disk that is full";
            assert!(
                !may_skip("CI") || may_skip(MAY_SKIP),
                "{words}; with {MAY_SKIP}=1 in the environment that is no failure"
            );
            eprintln!("SKIPPED: {words}");
        }
        mounted.then(|| Self(folder.to_owned()))
    }

    /// Takes all the room that is left but for a few bytes. Where it went is answered.
    pub fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut size = 64 << 20;
        let mut file = std::fs::File::create(&path).unwrap();
        while size >= 1 {
            if std::io::Write::write_all(&mut file, &vec![0; size]).is_err() {
                size /= 2;
            }
        }
        path
    }

    /// Leaves so many KiB. What takes the rest is answered.
    pub fn leave(&self, kib: u64) -> PathBuf {
        let filler = self.fill();
        let file = std::fs::File::options().write(true).open(&filler).unwrap();
        file.set_len(file.metadata().unwrap().len().next_multiple_of(4096) - kib * 1024).unwrap();
        filler
    }

    /// Mounts it anew with an option.
    pub fn remount(&self, option: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{option}")]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

//! A library that is loaded before the C library into a program (`LD_PRELOAD`). What the program does to the files below
//! `DISK_JOURNAL_ROOT` is done and written down in `DISK_JOURNAL`, in the order in which it happened: writes with their
//! bytes, cuts, syncs, and changes of folders. A test plays it back up to some moment and leaves out, of what was not synced
//! until then, what a disk without power may have lost.
//!
//! A record: kind (1 byte), inode (8 bytes), a number (8 bytes: offset or length), then twice a length (4 bytes) and as many
//! bytes. All little-endian. Kinds: `W` write (offset, bytes), `T` cut (length), `S` sync of a file, `C` made (path), `D` sync of
//! a folder (path), `R` renamed (from, to), `U` removed (path), `M` folder made (path).
//!
//! Memory that is mapped is not seen: of the server's files only SQLite's `-shm`, which is made anew after a crash.
#![cfg(target_os = "linux")]

use libc::{c_char, c_int, c_uint, c_void, iovec, mode_t, off_t, off64_t, size_t, ssize_t};
use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// What is written down, and of which files.
struct Journal {
    root: PathBuf,
    /// The journal's own descriptor. While it is held nothing else is done to a file that is watched.
    file: Mutex<c_int>,
}

fn journal() -> Option<&'static Journal> {
    static JOURNAL: OnceLock<Option<Journal>> = OnceLock::new();
    JOURNAL
        .get_or_init(|| {
            let root = PathBuf::from(std::env::var_os("DISK_JOURNAL_ROOT")?);
            let path = CString::new(std::env::var_os("DISK_JOURNAL")?.as_bytes()).ok()?;
            let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
            // SAFETY: a valid path; a number is given back.
            let file = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0o600) };
            Some(Journal { root, file: Mutex::new(c_int::try_from(file).ok().filter(|file| *file >= 0)?) })
        })
        .as_ref()
}

impl Journal {
    fn hold(&self) -> MutexGuard<'_, c_int> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_watched(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }

    /// The file behind a descriptor, when it is watched.
    fn watched(&self, fd: c_int) -> Option<PathBuf> {
        let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
        self.is_watched(&path).then_some(path)
    }
}

fn note(file: c_int, kind: u8, inode: u64, number: u64, first: &[u8], second: &[u8]) {
    let mut record = Vec::with_capacity(25 + first.len() + second.len());
    record.push(kind);
    record.extend_from_slice(&inode.to_le_bytes());
    record.extend_from_slice(&number.to_le_bytes());
    for part in [first, second] {
        record.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        record.extend_from_slice(part);
    }
    let mut rest = record.as_slice();
    while !rest.is_empty() {
        // SAFETY: the bytes are there for the time of the call.
        let done = unsafe { libc::syscall(libc::SYS_write, file, rest.as_ptr(), rest.len()) };
        match usize::try_from(done) {
            Ok(done) if done > 0 => rest = rest.get(done..).unwrap_or_default(),
            // A journal with a hole would prove nothing.
            _ => std::process::abort(),
        }
    }
}

fn inode(fd: c_int) -> u64 {
    // SAFETY: all zeros is a value of this C structure, and fstat fills it.
    unsafe {
        let mut found: libc::stat64 = std::mem::zeroed();
        if libc::fstat64(fd, &raw mut found) == 0 { found.st_ino } else { 0 }
    }
}

fn inode_of(path: &Path) -> u64 {
    std::fs::symlink_metadata(path).map_or(0, |found| std::os::unix::fs::MetadataExt::ino(&found))
}

/// An absolute path: of one beside a folder's descriptor, or in the working folder.
///
/// # Safety
/// `path` is a C string.
unsafe fn place(folder: c_int, path: *const c_char) -> PathBuf {
    // SAFETY: as the caller promises.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    if path.is_absolute() {
        return path.to_owned();
    }
    let base = match folder {
        libc::AT_FDCWD => std::env::current_dir(),
        fd => std::fs::read_link(format!("/proc/self/fd/{fd}")),
    };
    base.map_or_else(|_| path.to_owned(), |base| base.join(path))
}

fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// The C library's own function of a name.
macro_rules! real {
    ($name:literal, fn($($kind:ty),*) -> $back:ty) => {{
        static REAL: OnceLock<usize> = OnceLock::new();
        // SAFETY: the name is a C string, and the function has this form.
        let found = *REAL.get_or_init(|| unsafe { libc::dlsym(libc::RTLD_NEXT, concat!($name, "\0").as_ptr().cast()) } as usize);
        unsafe { std::mem::transmute::<usize, unsafe extern "C" fn($($kind),*) -> $back>(found) }
    }};
}

// The C library declares `open` with `...`; a third argument of this kind is passed the same way.

unsafe fn opened(folder: c_int, path: *const c_char, flags: c_int, open: impl FnOnce() -> c_int) -> c_int {
    let Some(journal) = journal().filter(|_| flags & (libc::O_CREAT | libc::O_TRUNC) != 0) else { return open() };
    // SAFETY: the caller's path is a C string.
    let path = unsafe { place(folder, path) };
    if !journal.is_watched(&path) {
        return open();
    }
    let file = journal.hold();
    let was_there = path.exists();
    let fd = open();
    if fd >= 0 {
        if !was_there {
            note(*file, b'C', inode(fd), 0, bytes_of(&path), &[]);
        } else if flags & libc::O_TRUNC != 0 {
            note(*file, b'T', inode(fd), 0, &[], &[]);
        }
    }
    fd
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let real = real!("open", fn(*const c_char, c_int, mode_t) -> c_int);
    unsafe { opened(libc::AT_FDCWD, path, flags, || real(path, flags, mode)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let real = real!("open64", fn(*const c_char, c_int, mode_t) -> c_int);
    unsafe { opened(libc::AT_FDCWD, path, flags, || real(path, flags, mode)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let real = real!("openat", fn(c_int, *const c_char, c_int, mode_t) -> c_int);
    unsafe { opened(folder, path, flags, || real(folder, path, flags, mode)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat64(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let real = real!("openat64", fn(c_int, *const c_char, c_int, mode_t) -> c_int);
    unsafe { opened(folder, path, flags, || real(folder, path, flags, mode)) }
}

/// Where a write without an offset goes.
unsafe fn position(fd: c_int) -> u64 {
    // SAFETY: these calls take numbers; lseek moves nothing.
    let at = unsafe {
        let is_at_end = libc::fcntl(fd, libc::F_GETFL) & libc::O_APPEND != 0;
        if is_at_end {
            let mut found: libc::stat64 = std::mem::zeroed();
            if libc::fstat64(fd, &raw mut found) == 0 { found.st_size } else { -1 }
        } else {
            libc::lseek64(fd, 0, libc::SEEK_CUR)
        }
    };
    u64::try_from(at).unwrap_or(0)
}

unsafe fn written(fd: c_int, at: Option<off64_t>, from: &[u8], write: impl FnOnce() -> ssize_t) -> ssize_t {
    let Some(journal) = journal().filter(|journal| journal.watched(fd).is_some()) else { return write() };
    let file = journal.hold();
    let at = at.map_or_else(|| unsafe { position(fd) }, |at| u64::try_from(at).unwrap_or(0));
    let done = write();
    if let Some(bytes) = usize::try_from(done).ok().and_then(|done| from.get(..done)) {
        note(*file, b'W', inode(fd), at, bytes, &[]);
    }
    done
}

/// # Safety
/// As many bytes are there.
unsafe fn given<'a>(from: *const c_void, count: size_t) -> &'a [u8] {
    if from.is_null() || count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(from.cast(), count) } }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, from: *const c_void, count: size_t) -> ssize_t {
    let real = real!("write", fn(c_int, *const c_void, size_t) -> ssize_t);
    unsafe { written(fd, None, given(from, count), || real(fd, from, count)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(fd: c_int, from: *const c_void, count: size_t, at: off_t) -> ssize_t {
    let real = real!("pwrite", fn(c_int, *const c_void, size_t, off_t) -> ssize_t);
    unsafe { written(fd, Some(at), given(from, count), || real(fd, from, count, at)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(fd: c_int, from: *const c_void, count: size_t, at: off64_t) -> ssize_t {
    let real = real!("pwrite64", fn(c_int, *const c_void, size_t, off64_t) -> ssize_t);
    unsafe { written(fd, Some(at), given(from, count), || real(fd, from, count, at)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t {
    let real = real!("writev", fn(c_int, *const iovec, c_int) -> ssize_t);
    let number = usize::try_from(count).unwrap_or(0);
    let all: Vec<u8> = match journal().is_some_and(|journal| journal.watched(fd).is_some()) {
        true => (0..number)
            .flat_map(|one| unsafe {
                let part = &*parts.add(one);
                given(part.iov_base, part.iov_len)
            })
            .copied()
            .collect(),
        false => Vec::new(),
    };
    unsafe { written(fd, None, &all, || real(fd, parts, count)) }
}

unsafe fn cut(fd: c_int, length: off64_t, cut: impl FnOnce() -> c_int) -> c_int {
    let Some(journal) = journal().filter(|journal| journal.watched(fd).is_some()) else { return cut() };
    let file = journal.hold();
    let done = cut();
    if done == 0 {
        note(*file, b'T', inode(fd), u64::try_from(length).unwrap_or(0), &[], &[]);
    }
    done
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    let real = real!("ftruncate", fn(c_int, off_t) -> c_int);
    unsafe { cut(fd, length, || real(fd, length)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(fd: c_int, length: off64_t) -> c_int {
    let real = real!("ftruncate64", fn(c_int, off64_t) -> c_int);
    unsafe { cut(fd, length, || real(fd, length)) }
}

unsafe fn synced(fd: c_int, sync: impl FnOnce() -> c_int) -> c_int {
    let watched = journal().and_then(|journal| Some((journal, journal.watched(fd)?)));
    let Some((journal, path)) = watched else { return sync() };
    let file = journal.hold();
    // The real one may take its time; what is played back does not need it.
    let done = sync();
    if done == 0 {
        if path.is_dir() {
            note(*file, b'D', inode(fd), 0, bytes_of(&path), &[]);
        } else {
            note(*file, b'S', inode(fd), 0, &[], &[]);
        }
    }
    done
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    let real = real!("fsync", fn(c_int) -> c_int);
    unsafe { synced(fd, || real(fd)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    let real = real!("fdatasync", fn(c_int) -> c_int);
    unsafe { synced(fd, || real(fd)) }
}

/// A change of a folder: of one path, or from one to another.
unsafe fn changed(kind: u8, paths: (PathBuf, Option<PathBuf>), change: impl FnOnce() -> c_int) -> c_int {
    let Some(journal) = journal() else { return change() };
    if !journal.is_watched(&paths.0) && !paths.1.as_ref().is_some_and(|to| journal.is_watched(to)) {
        return change();
    }
    let file = journal.hold();
    let known = inode_of(&paths.0);
    let done = change();
    if done == 0 {
        note(*file, kind, known, 0, bytes_of(&paths.0), paths.1.as_deref().map_or(&[], bytes_of));
    }
    done
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let real = real!("rename", fn(*const c_char, *const c_char) -> c_int);
    let paths = unsafe { (place(libc::AT_FDCWD, from), Some(place(libc::AT_FDCWD, to))) };
    unsafe { changed(b'R', paths, || real(from, to)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    let real = real!("unlink", fn(*const c_char) -> c_int);
    unsafe { changed(b'U', (place(libc::AT_FDCWD, path), None), || real(path)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int {
    let real = real!("unlinkat", fn(c_int, *const c_char, c_int) -> c_int);
    unsafe { changed(b'U', (place(folder, path), None), || real(folder, path, flags)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    let real = real!("rmdir", fn(*const c_char) -> c_int);
    unsafe { changed(b'U', (place(libc::AT_FDCWD, path), None), || real(path)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    let real = real!("mkdir", fn(*const c_char, mode_t) -> c_int);
    unsafe { changed(b'M', (place(libc::AT_FDCWD, path), None), || real(path, mode)) }
}

/// Copies within the kernel would not be seen: whoever asks for one is told to read and write.
#[unsafe(no_mangle)]
unsafe extern "C" fn copy_file_range(
    _: c_int,
    _: *mut off64_t,
    _: c_int,
    _: *mut off64_t,
    _: size_t,
    _: c_uint,
) -> ssize_t {
    // SAFETY: the place of the error number is this thread's own.
    unsafe { *libc::__errno_location() = libc::ENOSYS };
    -1
}

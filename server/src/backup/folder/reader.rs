//! A file that is put together from its pieces.

use super::Folder;
use std::fmt;
use std::io::{self, Read};
use zeroize::Zeroizing;

/// Reads pieces one after the other.
pub struct Reader<'a> {
    pub(super) folder: &'a Folder,
    pub(super) names: std::vec::IntoIter<[u8; 32]>,
    pub(super) piece: Zeroizing<Vec<u8>>,
    pub(super) at: usize,
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("left", &self.names.len()).finish_non_exhaustive()
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            let Some(name) = self.names.next() else { return Ok(0) };
            self.piece = self.folder.piece(&name).map_err(io::Error::other)?;
            self.at = 0;
        }
        let ready = self.piece.get(self.at..).unwrap_or_default();
        let count = ready.len().min(out.len());
        out.split_at_mut(count).0.copy_from_slice(ready.split_at(count).0);
        self.at += count;
        Ok(count)
    }
}

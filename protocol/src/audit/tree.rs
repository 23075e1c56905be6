//! The arithmetic of the log's tree, as RFC 6962 has it in section 2.1 and RFC 9162 in section 2.1.3 and 2.1.4: roots and proofs
//! from the hashes of complete subtrees, and the checks of proofs, which need nothing else. No I/O.

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use std::fmt;

/// A hash of the tree: 32 bytes in MessagePack, base64 in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hash(#[cfg_attr(feature = "schema", schemars(with = "String"))] pub [u8; 32]);

/// Most hashes a proof can have: two for each level of the largest tree.
const PROOF_MAX: usize = 128;

impl Hash {
    /// The root of a tree without leaves.
    pub fn empty() -> Self {
        Self(Sha256::new().finalize().into())
    }

    /// The hash of a leaf.
    pub fn leaf(encoded: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(encoded).finalize().into())
    }

    /// The hash of a node over two others.
    #[must_use]
    pub fn node(left: Self, right: Self) -> Self {
        Self(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
    }

    /// From stored bytes; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// From base64 as [`fmt::Display`] writes it; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_slice(&BASE64.decode(text.as_bytes()).ok()?)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = if deserializer.is_human_readable() {
            Self::parse(&String::deserialize(deserializer)?)
        } else {
            Self::from_slice(&serde_bytes::ByteBuf::deserialize(deserializer)?)
        };
        found.ok_or_else(|| de::Error::custom("a hash has 32 bytes"))
    }
}

/// A complete subtree: `2^level` leaves, the first of which is `index * 2^level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// How many levels are below it; 0 is a leaf.
    pub level: u8,
    /// Which of its level.
    pub index: u64,
}

impl Node {
    /// The two below it; `None` for a leaf.
    pub fn children(self) -> Option<(Self, Self)> {
        let level = self.level.checked_sub(1)?;
        let index = self.index.checked_mul(2)?;
        Some((Self { level, index }, Self { level, index: index + 1 }))
    }

    /// The subtrees that become complete when this leaf is appended, from the lowest up, without the leaf itself.
    pub fn completed_by(leaf: u64) -> impl Iterator<Item = Self> {
        let levels = leaf.trailing_ones().min(62) as u8;
        (1..=levels).map(move |level| Self { level, index: leaf >> level })
    }
}

/// The root of the first `size` leaves, from hashes of complete subtrees.
///
/// # Errors
/// Those of `node`.
pub fn root<E>(size: u64, node: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    if size == 0 { Ok(Hash::empty()) } else { range(0, size, node) }
}

/// The proof that leaf `index` is among the first `size`: empty where it is not.
///
/// # Errors
/// Those of `node`.
pub fn inclusion<E>(index: u64, size: u64, node: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    let (mut begin, mut end) = (0, size);
    if index >= size {
        return Ok(proof);
    }
    // From the root down; a proof is read from the leaf up.
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            proof.push(range(middle, end, node)?);
            end = middle;
        } else {
            proof.push(range(begin, middle, node)?);
            begin = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `old` leaves is the beginning of that of `new`: empty where there is nothing to prove.
///
/// # Errors
/// Those of `node`.
pub fn consistency<E>(old: u64, new: u64, node: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    if old == 0 || old >= new {
        return Ok(proof);
    }
    let (mut begin, mut end) = (0, new);
    // Whether the old tree's root is what is left of it here: then whoever checks the proof has it already.
    let mut whole = true;
    while old != end {
        let middle = begin + split(end - begin);
        if old <= middle {
            proof.push(range(middle, end, node)?);
            end = middle;
        } else {
            proof.push(range(begin, middle, node)?);
            begin = middle;
            whole = false;
        }
    }
    if !whole {
        proof.push(range(begin, end, node)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The largest power of two that is smaller than `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (63 - (count - 1).leading_zeros())
}

/// The hash over the leaves from `begin`, a multiple of the subtrees within, to before `end`.
fn range<E>(begin: u64, end: u64, node: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    let count = end - begin;
    if count.is_power_of_two() {
        let level = count.trailing_zeros() as u8;
        return node(Node { level, index: begin >> level });
    }
    let middle = begin + split(count);
    let left = range(begin, middle, node)?;
    Ok(Hash::node(left, range(middle, end, node)?))
}

/// Whether a proof shows that a leaf stands at `index` of the tree with this root (RFC 9162, section 2.1.3.2).
pub fn includes(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: Hash) -> bool {
    if index >= size || proof.len() > PROOF_MAX {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = Hash::node(*step, hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::node(hash, *step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}

/// A tree as somebody saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many leaves it has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Whether a proof shows that `old` is the beginning of `new` (RFC 9162, section 2.1.4.2).
pub fn extends(old: Head, new: Head, proof: &[Hash]) -> bool {
    if old.size > new.size || proof.len() > PROOF_MAX {
        return false;
    }
    if old.size == new.size {
        return proof.is_empty() && old.root == new.root;
    }
    if old.size == 0 {
        return proof.is_empty() && old.root == Hash::empty();
    }
    let mut steps = proof.iter().copied();
    // Where the old tree is one complete subtree, its root is where the way begins.
    let first = if old.size.is_power_of_two() { Some(old.root) } else { steps.next() };
    let Some(first) = first else { return false };
    if proof.is_empty() {
        return false;
    }
    let (mut at, mut last) = (old.size - 1, new.size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut of_old, mut of_new) = (first, first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            of_old = Hash::node(step, of_old);
            of_new = Hash::node(step, of_new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            of_new = Hash::node(of_new, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && of_old == old.root && of_new == new.root
}

#[cfg(test)]
mod tests;

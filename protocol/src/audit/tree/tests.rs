//! The reference vectors of Certificate Transparency (eight leaves, their roots and proofs), and the properties of a tree.

use super::*;
use data_encoding::HEXLOWER;
use proptest::prelude::*;
use std::convert::Infallible;

const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Leaf, size, proof.
const INCLUSIONS: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

/// Old size, new size, proof.
const CONSISTENCIES: [(u64, u64, &[&str]); 5] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        7,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

fn hex(text: &str) -> Hash {
    Hash::from_slice(&HEXLOWER.decode(text.as_bytes()).unwrap()).unwrap()
}

fn hexes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| hex(text)).collect()
}

/// Complete subtrees from the leaves alone.
fn over(leaves: &[Hash]) -> impl FnMut(Node) -> Result<Hash, Infallible> + use<> {
    let mut levels = vec![leaves.to_vec()];
    while levels[levels.len() - 1].len() > 1 {
        let below = &levels[levels.len() - 1];
        levels.push(below.chunks_exact(2).map(|pair| Hash::node(pair[0], pair[1])).collect());
    }
    move |node| Ok(levels[usize::from(node.level)][node.index as usize])
}

fn reference() -> Vec<Hash> {
    LEAVES.iter().map(|leaf| Hash::leaf(&HEXLOWER.decode(leaf.as_bytes()).unwrap())).collect()
}

fn numbered(count: u64) -> Vec<Hash> {
    (0..count).map(|leaf| Hash::leaf(&leaf.to_be_bytes())).collect()
}

fn head(leaves: &[Hash], size: u64) -> Head {
    Head { size, root: root(size, &mut over(leaves)).unwrap() }
}

#[test]
fn the_reference_trees_have_their_roots() {
    let leaves = reference();
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(root(size as u64, &mut over(&leaves)).unwrap(), hex(expected), "{size}");
    }
}

#[test]
fn the_reference_inclusion_proofs_are_made_and_accepted() {
    let leaves = reference();
    for (leaf, size, expected) in INCLUSIONS {
        let proof = inclusion(leaf, size, &mut over(&leaves)).unwrap();
        assert_eq!(proof, hexes(expected), "{leaf} of {size}");
        assert!(includes(leaves[leaf as usize], leaf, size, &proof, hex(ROOTS[size as usize])));
    }
}

#[test]
fn the_reference_consistency_proofs_are_made_and_accepted() {
    let leaves = reference();
    for (old, new, expected) in CONSISTENCIES {
        let proof = consistency(old, new, &mut over(&leaves)).unwrap();
        assert_eq!(proof, hexes(expected), "{old} to {new}");
        let heads = [old, new].map(|size| Head { size, root: hex(ROOTS[size as usize]) });
        assert!(extends(heads[0], heads[1], &proof), "{old} to {new}");
    }
}

#[test]
fn each_leaf_of_each_size_up_to_a_hundred_is_proved_and_no_other_is() {
    let leaves = numbered(101);
    let mut node = over(&leaves);
    for size in 1..=100_u64 {
        let root = root(size, &mut node).unwrap();
        for leaf in 0..size {
            let proof = inclusion(leaf, size, &mut node).unwrap();
            let hash = leaves[leaf as usize];
            assert!(includes(hash, leaf, size, &proof, root), "{leaf} of {size}");
            assert!(!includes(hash, (leaf + 1) % size, size, &proof, root) || size == 1, "{leaf} of {size}");
            assert!(!includes(leaves[leaf as usize + 1], leaf, size, &proof, root), "{leaf} of {size}");
            if let [_, less @ ..] = proof.as_slice() {
                assert!(!includes(hash, leaf, size, less, root), "{leaf} of {size}");
            }
            assert!(!includes(hash, leaf, size, &[proof.as_slice(), &[hash]].concat(), root), "{leaf} of {size}");
        }
    }
}

#[test]
fn each_size_up_to_a_hundred_extends_each_smaller_one_and_no_other_history() {
    let leaves = numbered(100);
    let other: Vec<Hash> = (1..=100_u64).map(|leaf| Hash::leaf(&leaf.to_be_bytes())).collect();
    let heads = |leaves: &[Hash]| (0..=100).map(|size| head(leaves, size)).collect::<Vec<_>>();
    let (of_leaves, of_other, mut node) = (heads(&leaves), heads(&other), over(&leaves));
    for new in 0..=100 {
        for old in 0..=new {
            let proof = consistency(old as u64, new as u64, &mut node).unwrap();
            assert!(extends(of_leaves[old], of_leaves[new], &proof), "{old} to {new}");
            if old > 0 {
                assert!(!extends(of_other[old], of_leaves[new], &proof), "{old} to {new}");
                assert!(!extends(of_leaves[old], of_other[new], &proof), "{old} to {new}");
                let longer = [proof.as_slice(), &[Hash([7; 32])]].concat();
                assert!(!extends(of_leaves[old], of_leaves[new], &longer), "{old} to {new}");
            }
            if old < new {
                assert!(!extends(of_leaves[new], of_leaves[old], &proof), "{new} to {old}");
            }
            if let [less @ .., _] = proof.as_slice() {
                assert!(!extends(of_leaves[old], of_leaves[new], less), "{old} to {new}");
            }
        }
    }
}

#[test]
fn appending_completes_each_subtree_once() {
    let mut all = std::collections::HashSet::new();
    for leaf in 0..256_u64 {
        for node in Node::completed_by(leaf) {
            assert!(all.insert(node), "{node:?}");
            let last = ((node.index + 1) << node.level) - 1;
            assert_eq!(last, leaf, "{node:?}");
        }
    }
    assert_eq!(all.len(), 255);
}

#[test]
fn proofs_of_what_is_not_there_are_empty() {
    let leaves = numbered(4);
    assert!(inclusion(4, 4, &mut over(&leaves)).unwrap().is_empty());
    assert!(consistency(4, 3, &mut over(&leaves)).unwrap().is_empty());
    assert!(!includes(leaves[0], 0, 0, &[], Hash::empty()));
}

#[test]
fn a_hash_is_bytes_in_sessions_and_base64_for_browsers() {
    let hash = Hash::empty();
    let packed = rmp_serde::to_vec(&hash).unwrap();
    assert_eq!(packed.len(), 34);
    assert_eq!(rmp_serde::from_slice::<Hash>(&packed).unwrap(), hash);
    let json = serde_json::to_string(&hash).unwrap();
    assert_eq!(json, "\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"");
    assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), hash);
}

proptest! {
    #[test]
    fn a_changed_proof_is_refused(new in 2_u64..100, part in 0_u64..100, at in 0_usize..64, bit in 0_usize..256) {
        let leaves = numbered(new);
        let part = 1 + part % (new - 1);
        let turned = |proof: &mut Vec<Hash>| {
            let count = proof.len();
            if let Some(hash) = proof.get_mut(at % count.max(1)) {
                hash.0[bit / 8] ^= 1 << (bit % 8);
            }
            count > 0
        };
        let mut proof = consistency(part, new, &mut over(&leaves)).unwrap();
        if turned(&mut proof) {
            prop_assert!(!extends(head(&leaves, part), head(&leaves, new), &proof));
        }
        let mut proof = inclusion(part, new, &mut over(&leaves)).unwrap();
        if turned(&mut proof) {
            prop_assert!(!includes(leaves[part as usize], part, new, &proof, head(&leaves, new).root));
        }
    }

    #[test]
    fn no_proof_makes_the_arithmetic_fail(
        sizes in any::<[u64; 3]>(),
        proof in prop::collection::vec(any::<[u8; 32]>(), 0..140),
        roots in any::<[[u8; 32]; 2]>(),
    ) {
        let proof: Vec<Hash> = proof.into_iter().map(Hash).collect();
        let [one, other] = roots.map(Hash);
        let _ = includes(one, sizes[0], sizes[1], &proof, other);
        let _ = extends(Head { size: sizes[0], root: one }, Head { size: sizes[1], root: other }, &proof);
    }
}

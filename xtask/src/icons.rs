//! Every icon from `icons/icon.svg`. PNGs are rendered by `rsvg-convert`; Apple's and Microsoft's icon files are containers
//! around them (ICNS: type, big-endian length, PNG; ICO: Microsoft's directory of images, each a PNG).

use crate::step::{Failure, Result, run};
use std::fs;
use std::path::Path;
use std::process::Command;

/// File names as the desktop bundler expects them, and their sizes.
const PNGS: &[(&str, u32)] = &[("32x32.png", 32), ("128x128.png", 128), ("128x128@2x.png", 256), ("icon.png", 512)];
/// Apple's types for PNG images: 16@2x, 32@2x, 128, 128@2x, 256, 256@2x, 512, 512@2x.
const ICNS: &[([u8; 4], u32)] = &[
    (*b"ic11", 32),
    (*b"ic12", 64),
    (*b"ic07", 128),
    (*b"ic13", 256),
    (*b"ic08", 256),
    (*b"ic14", 512),
    (*b"ic09", 512),
    (*b"ic10", 1024),
];
const ICO: &[u32] = &[16, 24, 32, 48, 64, 256];

/// Renders everything anew.
pub fn make(folder: &Path) -> Result {
    let source = folder.join("icon.svg");
    for (name, size) in PNGS {
        render(&source, *size, &folder.join(name))?;
    }
    let mut icns = Vec::new();
    for (kind, size) in ICNS {
        icns.push((*kind, rendered(&source, *size)?));
    }
    fs::write(folder.join("icon.icns"), icns_file(&icns))?;
    let mut ico = Vec::new();
    for size in ICO {
        ico.push((*size, rendered(&source, *size)?));
    }
    fs::write(folder.join("icon.ico"), ico_file(&ico))?;
    Ok(())
}

/// That every file is there, in its size. Pixels are not compared: two versions of the renderer differ in the last bit.
pub fn check(folder: &Path) -> Result {
    for (name, size) in PNGS {
        let bytes = fs::read(folder.join(name)).map_err(|error| Failure::new(format!("icons/{name}: {error}")))?;
        if png_size(&bytes) != Some((*size, *size)) {
            return Err(Failure::new(format!(
                "icons/{name} is not {size} pixels wide and high: run `cargo xtask gen`"
            )));
        }
    }
    for (name, start) in [("icon.icns", &b"icns"[..]), ("icon.ico", &[0, 0, 1, 0][..])] {
        let bytes = fs::read(folder.join(name)).map_err(|error| Failure::new(format!("icons/{name}: {error}")))?;
        if !bytes.starts_with(start) {
            return Err(Failure::new(format!("icons/{name} is of another kind: run `cargo xtask gen`")));
        }
    }
    Ok(())
}

fn render(source: &Path, size: u32, to: &Path) -> Result {
    let size = size.to_string();
    run(Command::new("rsvg-convert").args(["--width", &size, "--height", &size, "--output"]).arg(to).arg(source))
        .map_err(|failure| Failure::new(format!("{failure} (rsvg-convert comes with Debian's librsvg2-bin)")))
}

fn rendered(source: &Path, size: u32) -> Result<Vec<u8>> {
    let file = std::env::temp_dir().join(format!("thechatapp-icon-{}-{size}.png", std::process::id()));
    render(source, size, &file)?;
    let bytes = fs::read(&file)?;
    fs::remove_file(&file)?;
    Ok(bytes)
}

/// Width and height from a PNG's first chunk.
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let body = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")?;
    let (width, rest) = body.split_first_chunk::<4>()?;
    let (height, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
}

fn icns_file(images: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, png) in images {
        body.extend_from_slice(kind);
        body.extend_from_slice(&(png.len() as u32 + 8).to_be_bytes());
        body.extend_from_slice(png);
    }
    let mut file = b"icns".to_vec();
    file.extend_from_slice(&(body.len() as u32 + 8).to_be_bytes());
    file.extend_from_slice(&body);
    file
}

fn ico_file(images: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut directory = vec![0, 0, 1, 0];
    directory.extend_from_slice(&(images.len() as u16).to_le_bytes());
    let mut bodies = Vec::new();
    let mut offset = 6 + 16 * images.len() as u32;
    for (size, png) in images {
        // A side of 256 is written as 0.
        let side = (size % 256) as u8;
        // Width, height, colours (0: no palette), reserved, planes, bits for each pixel.
        directory.extend_from_slice(&[side, side, 0, 0, 1, 0, 32, 0]);
        directory.extend_from_slice(&(png.len() as u32).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        offset += png.len() as u32;
        bodies.extend_from_slice(png);
    }
    directory.extend_from_slice(&bodies);
    directory
}

#[cfg(test)]
mod tests {
    use super::{icns_file, ico_file, png_size};

    #[test]
    fn an_icns_file_says_its_own_length() {
        let file = icns_file(&[(*b"ic07", vec![1, 2, 3])]);
        assert_eq!(file, [b"icns".as_slice(), &[0, 0, 0, 19], b"ic07", &[0, 0, 0, 11], &[1, 2, 3]].concat());
    }

    #[test]
    fn an_ico_file_points_at_each_image() {
        let file = ico_file(&[(16, vec![7; 5]), (256, vec![9; 3])]);
        let offset = |entry: usize| {
            u32::from_le_bytes(file[6 + 16 * entry + 12..6 + 16 * entry + 16].try_into().unwrap()) as usize
        };
        assert_eq!(&file[offset(0)..offset(0) + 5], [7; 5]);
        assert_eq!(&file[offset(1)..], [9; 3]);
        assert_eq!(file[6 + 16], 0);
    }

    #[test]
    fn the_size_of_a_png_is_read_from_its_header() {
        let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &[0, 0, 0, 32, 0, 0, 0, 16]].concat();
        assert_eq!(png_size(&png), Some((32, 16)));
        assert_eq!(png_size(b"GIF89a"), None);
    }
}

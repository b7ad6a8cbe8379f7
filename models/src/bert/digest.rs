//! Which model a folder holds: a digest over the files that decide its vectors.

use sha2::{Digest, Sha256};

/// Returns the digest of files: SHA-256 over a line `name digest` for each, in the given order.
pub(super) fn digest(files: &[(&str, &[u8])]) -> String {
    let mut all = Sha256::new();
    for (name, bytes) in files {
        all.update(format!("{name} {}\n", hex(&Sha256::digest(bytes))));
    }
    format!("sha256:{}", hex(&all.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_what_sha256sum_makes_of_the_lines() {
        // printf abc | sha256sum, then the same over the line with its name in front.
        let line = "a.txt ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
        let expected = hex(&Sha256::digest(line.as_bytes()));
        assert_eq!(digest(&[("a.txt", b"abc")]), format!("sha256:{expected}"));
    }
}

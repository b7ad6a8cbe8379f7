//! What the figures were measured on.

use std::fmt;

use serde::Serialize;

/// The hardware, as the operating system tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// How many threads it runs at once for us.
    pub cores: usize,
    /// Those of its instruction sets that the kernels use.
    pub features: Vec<&'static str>,
}

impl Machine {
    pub(super) fn here() -> Self {
        let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = field(&told, "model name").unwrap_or(std::env::consts::ARCH).to_owned();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Machine { cpu, cores, features: features() }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} cores, {}", self.cpu, self.cores, self.features.join(" "))
    }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let known = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
    ];
    known.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    Vec::new()
}

/// Returns the most memory that this process has held, in KiB; nothing where the system does not tell.
pub(super) fn peak_kib() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/self/status").ok()?;
    field(&told, "VmHWM")?.split_whitespace().next()?.parse().ok()
}

fn field<'a>(told: &'a str, name: &str) -> Option<&'a str> {
    let line = told.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}

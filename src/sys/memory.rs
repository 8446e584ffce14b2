//! How much memory may still be filled: decides where a build is staged, never a byte of it.

use super::fs;

/// Bytes of memory that can be had without swapping, inside this process' control group.
pub fn spare() -> u64 {
    let machine = fs::read_text("/proc/meminfo", 64 << 10)
        .ok()
        .and_then(|text| available(&text))
        .unwrap_or(0);
    group().map_or(machine, |group| group.min(machine))
}

/// `proc_meminfo(5)`: `MemAvailable`.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kibibytes.saturating_mul(1024))
}

/// cgroups(7): what the control group, or one above it, leaves (version 2).
fn group() -> Option<u64> {
    let text = fs::read_text("/proc/self/cgroup", 64 << 10).ok()?;
    let own = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mut spare = None;
    let mut at = std::path::PathBuf::from(format!("/sys/fs/cgroup{own}"));
    while at.starts_with("/sys/fs/cgroup") {
        let number = |name: &str| -> Option<u64> {
            fs::read_text(at.join(name), 4096).ok()?.trim().parse().ok()
        };
        if let (Some(max), Some(current)) = (number("memory.max"), number("memory.current")) {
            let left = max.saturating_sub(current);
            spare = Some(spare.map_or(left, |spare: u64| spare.min(left)));
        }
        if !at.pop() {
            break;
        }
    }
    spare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo() {
        let text = "MemTotal:  100 kB\nMemAvailable:   42 kB\n";
        assert_eq!(available(text), Some(42 * 1024));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert!(spare() > 0);
    }
}

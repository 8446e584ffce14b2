//! Numbers for people.

/// A size in bytes with a binary prefix and three digits: `999 B`, `1.25 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Exact in hundredths: floating point would do, but not round-trip for the largest.
    let mut scaled = u128::from(bytes) * 100 / 1024;
    let mut unit = "KiB";
    for next in UNITS.iter().skip(1) {
        if scaled < 1024 * 100 {
            break;
        }
        scaled /= 1024;
        unit = next;
    }
    let (whole, hundredths) = (scaled / 100, scaled % 100);
    match whole {
        0..=9 => format!("{whole}.{hundredths:02} {unit}"),
        10..=99 => format!("{whole}.{} {unit}", hundredths / 10),
        _ => format!("{whole} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1536, "1.50 KiB"),
            (10 * 1024 * 1024 + 600 * 1024, "10.5 MiB"),
            (320 << 20, "320 MiB"),
            (u64::MAX, "16383 PiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}

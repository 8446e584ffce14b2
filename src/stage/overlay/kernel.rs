//! `[kernel]`: parameters, modules, the command line.

use std::fmt::Write as _;

use crate::template::Kernel;
use crate::tree::Mode;

use super::OverlayError;
use super::canvas::{Canvas, Owned, fixed, origin};

/// The first line of each file that is written here.
const HEADER: &str = "# Written by karat from [kernel] of the image's template.\n";

/// Writes what the template states, and nothing where it states nothing.
pub(super) fn apply(canvas: &mut Canvas<'_>, kernel: &Kernel) -> Result<(), OverlayError> {
    let mut put = |path: &str, text: String| {
        let owned = Owned::root(Mode::FILE);
        canvas.put_file(&fixed(path), text.into_bytes(), owned, &origin("kernel"))
    };
    if !kernel.sysctl.is_empty() {
        // sysctl.d(5); 60 comes after Debian's own settings and before an administrator's 99.
        let mut text = HEADER.to_owned();
        for (key, value) in &kernel.sysctl {
            // Writing to a String cannot fail.
            let _infallible = writeln!(text, "{key} = {value}");
        }
        put("/etc/sysctl.d/60-karat.conf", text)?;
    }
    if !kernel.modules.is_empty() {
        // modules-load.d(5).
        let mut text = HEADER.to_owned();
        for module in &kernel.modules {
            let _infallible = writeln!(text, "{module}");
        }
        put("/etc/modules-load.d/karat.conf", text)?;
    }
    if !kernel.cmdline.is_empty() {
        // kernel-install(8): one line, no comments.
        put(
            "/etc/kernel/cmdline",
            format!("{}\n", kernel.cmdline.join(" ")),
        )?;
    }
    Ok(())
}

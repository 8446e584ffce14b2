//! Switching off, starting again, stopping.

use rustix::system::{RebootCommand, reboot};

use crate::boot::OnFailure;

/// Whether this is the first process of the system.
pub fn is_first() -> bool {
    rustix::process::getpid().is_init()
}

/// Waits until what was said on the console is out: the power goes next.
pub fn drained() {
    let _ = rustix::termios::tcdrain(rustix::stdio::stdout());
}

/// Ends this boot, as the plan wants it.
pub fn end(how: OnFailure) -> ! {
    rustix::fs::sync();
    match how {
        OnFailure::Poweroff => drop(reboot(RebootCommand::PowerOff)),
        OnFailure::Previous => drop(reboot(RebootCommand::Restart)),
        OnFailure::Emergency => {}
    }
    // Nothing runs any more, and nothing will: the console says why. A first process that ended would
    // make the kernel panic, and take the message away.
    loop {
        std::thread::park();
    }
}

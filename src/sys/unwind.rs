//! Nobody unwinds this program's stack: a panic ends it, and the tables for unwinding are left out.
//!
//! The standard library would print a backtrace all the same, which could name nothing here, and
//! its readers of tables and of debugging information are a seventh of a program of this size.
//! A walk over the stack that ends before its first frame is all that it takes to leave them out.
//! The names are those of the Itanium C++ ABI, Level I, which the standard library links to.

#![expect(unsafe_code, reason = "names that the standard library links to")]

use std::ffi::{c_int, c_void};

/// `_URC_END_OF_STACK`: there is no further frame.
const END_OF_STACK: c_int = 5;

// SAFETY: the signature is that of <unwind.h>. Neither pointer is used, and a walk without frames
// is one that callers know.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_visit: *const c_void, _argument: *mut c_void) -> c_int {
    END_OF_STACK
}

macro_rules! never_called {
    ($($name:ident)*) => { $(
        // SAFETY: whatever it is called with, it reads nothing and does not return.
        #[unsafe(no_mangle)]
        extern "C" fn $name() -> ! {
            std::process::abort()
        }
    )* };
}

// What a walk or an exception in flight would call: there is neither.
never_called! {
    _Unwind_DeleteException
    _Unwind_GetDataRelBase
    _Unwind_GetIP
    _Unwind_GetIPInfo
    _Unwind_GetLanguageSpecificData
    _Unwind_GetRegionStart
    _Unwind_GetTextRelBase
    _Unwind_RaiseException
    _Unwind_Resume
    _Unwind_SetGR
    _Unwind_SetIP
}

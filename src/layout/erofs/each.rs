//! Many files of an image, on several threads.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ReadError;
use super::image::{Image, Reader};

impl Image<'_> {
    /// Gives each file to `one` with something that reads it, on `threads` threads, and gathers what comes
    /// of it, in no order: which thread takes which does not matter.
    ///
    /// # Errors
    /// Those of `one`.
    pub fn each<File: Sync, Answer: Send>(
        &self,
        files: &[File],
        threads: NonZero<usize>,
        one: impl Fn(&mut Reader<'_>, &File) -> Result<Answer, ReadError> + Sync,
    ) -> Result<Vec<Answer>, ReadError> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut reader = self.reader();
            let mut answers = Vec::new();
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                answers.push(one(&mut reader, file)?);
            }
            Ok::<_, ReadError>(answers)
        };
        std::thread::scope(|scope| {
            let started: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
            let mut all = Vec::new();
            for thread in started {
                // A panic goes on here.
                let answers = thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                all.extend(answers?);
            }
            Ok(all)
        })
    }
}

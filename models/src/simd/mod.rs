//! The arithmetic under the encoder, for whatever vectors the CPU has.
//!
//! The only room with `unsafe`. Each kernel is written once over [`Simd`] and compiled three times: for AVX-512, for
//! AVX2 with FMA, and for any CPU (the scalar twin). [`Isa`] chooses when a model is loaded.
//!
//! ```text
//! lanes.rs     what a vector can do: AVX-512, AVX2, and four plain numbers
//! math.rs      exp, GELU, softmax, layer norm
//! gemm.rs      packed weights, the register tile, the split over threads
//! attention.rs one head of one sequence
//! ```
//!
//! *Guarantee*: each number of a result is summed in one order that depends on its own row alone, never on how many
//! rows there are, how they were split or how many threads ran. So a text alone equals a text in a batch, bit for bit.
#![expect(unsafe_code, reason = "vector instructions and blocks of one matrix written by several threads")]

mod attention;
mod gemm;
mod lanes;
mod math;

pub(crate) use attention::{Attention, attend};
pub(crate) use gemm::{Activation, Packed};
use lanes::{Portable, Simd};
pub(crate) use math::{Norm, add_norm, norm};

/// Which instructions the kernels use; holding one proves that this CPU has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Isa(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// A kernel: one piece of work, generic over the vectors.
trait Kernel {
    type Output;

    /// Must be `#[inline(always)]`, so that it is compiled with the caller's instructions; closures inside are not.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

impl Isa {
    /// Returns the widest that this CPU has.
    pub(crate) fn detect() -> Self {
        Self::all()[0]
    }

    /// Returns everything that this CPU has, the widest first.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                all.push(Self(Kind::Avx512));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Self(Kind::Avx2));
            }
        }
        all.push(Self(Kind::Portable));
        all
    }

    /// Returns its name for people.
    pub(crate) fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "AVX2",
            Kind::Portable => "portable",
        }
    }

    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            // Safety: `all` made this value after it had found the instructions.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { run_avx512(kernel) },
            // Safety: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { run_avx2(kernel) },
            Kind::Portable => kernel.run(Portable),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    // Safety: this function has the instructions.
    kernel.run(unsafe { lanes::Avx512::new() })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    // Safety: this function has the instructions.
    kernel.run(unsafe { lanes::Avx2::new() })
}

/// A matrix that several threads write at once, each its own part.
#[derive(Clone, Copy)]
struct Sheet {
    start: *mut f32,
    stride: usize,
}

// Safety: the pointer is used in `Sheet::at` alone, whose caller promises that no two threads write one element.
unsafe impl Send for Sheet {}
// Safety: as above.
unsafe impl Sync for Sheet {}

impl Sheet {
    /// # Safety
    /// The element lies inside the matrix, and what is written from there on is written by nobody else.
    #[inline(always)]
    unsafe fn at(self, row: usize, column: usize) -> *mut f32 {
        // Safety: the caller's promise.
        unsafe { self.start.add(row * self.stride + column) }
    }
}

/// Fills a new vector in place, without the zeroes that would be overwritten.
///
/// # Safety
/// `fill` writes each of the `length` elements.
unsafe fn filled(length: usize, fill: impl FnOnce(*mut f32)) -> Vec<f32> {
    let mut vector = Vec::with_capacity(length);
    fill(vector.as_mut_ptr());
    // Safety: the capacity is there, and the caller promises that the elements are written.
    unsafe { vector.set_len(length) };
    vector
}

//! What a vector can do.
//!
//! The types are proofs: [`Avx512`] exists only where the CPU has the instructions, so that its methods are safe to
//! call. `#[inline(always)]` makes them single instructions inside the `target_feature` functions of the parent.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m512, _MM_HINT_T0, _mm_prefetch, _mm256_add_epi32, _mm256_add_ps, _mm256_castsi256_ps,
    _mm256_cvtps_epi32, _mm256_div_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_mul_ps,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32, _mm256_storeu_ps, _mm256_sub_ps, _mm512_add_epi32,
    _mm512_add_ps, _mm512_castsi512_ps, _mm512_cvtps_epi32, _mm512_div_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_max_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_slli_epi32, _mm512_storeu_ps,
    _mm512_sub_ps,
};

/// The most numbers in one vector.
pub(super) const MOST_LANES: usize = 16;

/// The most rows of one tile.
pub(super) const MOST_ROWS: usize = 12;

/// Vector instructions of one kind.
pub(super) trait Simd: Copy {
    /// Some numbers side by side.
    type Vector: Copy;

    /// How many numbers a vector holds.
    const LANES: usize;

    /// How many rows of two vectors each fit into the registers, beside what is multiplied.
    const ROWS: usize;

    fn splat(self, number: f32) -> Self::Vector;

    /// # Safety
    /// `LANES` numbers can be read there.
    unsafe fn load(self, from: *const f32) -> Self::Vector;

    /// # Safety
    /// `LANES` numbers can be written there.
    unsafe fn store(self, to: *mut f32, vector: Self::Vector);

    /// Asks for the cache line at an address, which may lie outside of everything; by default nothing is done.
    #[inline(always)]
    fn fetch(self, _: *const f32) {}

    fn add(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    fn sub(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    fn mul(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    fn div(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    fn max(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;

    /// Returns `left * right + sum`.
    fn mul_add(self, left: Self::Vector, right: Self::Vector, sum: Self::Vector) -> Self::Vector;

    /// Returns two to the power of whole numbers between -126 and 127.
    fn exp2_of_whole(self, power: Self::Vector) -> Self::Vector;

    /// Loads the start of a vector; the rest is `fill`.
    ///
    /// # Safety
    /// `count` numbers can be read there, at most `LANES`.
    #[inline(always)]
    unsafe fn load_some(self, from: *const f32, count: usize, fill: f32) -> Self::Vector {
        let mut numbers = [fill; MOST_LANES];
        // Safety: the caller's promise; the array holds `MOST_LANES`.
        unsafe {
            std::ptr::copy_nonoverlapping(from, numbers.as_mut_ptr(), count);
            self.load(numbers.as_ptr())
        }
    }

    /// Stores the start of a vector.
    ///
    /// # Safety
    /// `count` numbers can be written there, at most `LANES`.
    #[inline(always)]
    unsafe fn store_some(self, to: *mut f32, vector: Self::Vector, count: usize) {
        let numbers = self.numbers(vector);
        // Safety: the caller's promise; the array holds `MOST_LANES`.
        unsafe { std::ptr::copy_nonoverlapping(numbers.as_ptr(), to, count) };
    }

    /// Returns the numbers, with zeroes behind them.
    #[inline(always)]
    fn numbers(self, vector: Self::Vector) -> [f32; MOST_LANES] {
        let mut numbers = [0.0; MOST_LANES];
        // Safety: the array holds `MOST_LANES`, and no vector holds more.
        unsafe { self.store(numbers.as_mut_ptr(), vector) };
        numbers
    }

    /// Returns the sum of the numbers, halves first.
    #[inline(always)]
    fn sum(self, vector: Self::Vector) -> f32 {
        let mut numbers = self.numbers(vector);
        let mut half = Self::LANES / 2;
        while half > 0 {
            for index in 0..half {
                numbers[index] += numbers[index + half];
            }
            half /= 2;
        }
        numbers[0]
    }

    /// Returns the greatest of the numbers.
    #[inline(always)]
    fn greatest(self, vector: Self::Vector) -> f32 {
        self.numbers(vector)[..Self::LANES].iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }
}

/// Four plain numbers: any CPU, and the twin that the others are tested against.
#[derive(Clone, Copy)]
pub(super) struct Portable;

#[inline(always)]
fn each(left: [f32; 4], right: [f32; 4], operation: impl Fn(f32, f32) -> f32) -> [f32; 4] {
    std::array::from_fn(|index| operation(left[index], right[index]))
}

impl Simd for Portable {
    type Vector = [f32; 4];

    const LANES: usize = 4;
    const ROWS: usize = 6;

    #[inline(always)]
    fn splat(self, number: f32) -> [f32; 4] {
        [number; 4]
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> [f32; 4] {
        // Safety: the caller's promise; a pointer to plain numbers may be unaligned here.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: [f32; 4]) {
        // Safety: the caller's promise.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(vector) };
    }

    #[inline(always)]
    fn add(self, left: [f32; 4], right: [f32; 4]) -> [f32; 4] {
        each(left, right, |left, right| left + right)
    }

    #[inline(always)]
    fn sub(self, left: [f32; 4], right: [f32; 4]) -> [f32; 4] {
        each(left, right, |left, right| left - right)
    }

    #[inline(always)]
    fn mul(self, left: [f32; 4], right: [f32; 4]) -> [f32; 4] {
        each(left, right, |left, right| left * right)
    }

    #[inline(always)]
    fn div(self, left: [f32; 4], right: [f32; 4]) -> [f32; 4] {
        each(left, right, |left, right| left / right)
    }

    #[inline(always)]
    fn max(self, left: [f32; 4], right: [f32; 4]) -> [f32; 4] {
        each(left, right, |left, right| if left > right { left } else { right })
    }

    // Two roundings: one would be a call into the C library on a CPU without the instruction.
    #[inline(always)]
    fn mul_add(self, left: [f32; 4], right: [f32; 4], sum: [f32; 4]) -> [f32; 4] {
        self.add(self.mul(left, right), sum)
    }

    #[inline(always)]
    fn exp2_of_whole(self, power: [f32; 4]) -> [f32; 4] {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 254")]
        power.map(|power| f32::from_bits(((power as i32 + 127) as u32) << 23))
    }
}

/// One method of a vector type: its instruction, which is safe because the proof exists.
#[cfg(target_arch = "x86_64")]
macro_rules! instructions {
    ($($method:ident($($argument:ident),*) = $instruction:ident;)*) => {$(
        #[inline(always)]
        fn $method(self, $($argument: Self::Vector),*) -> Self::Vector {
            // Safety: `self` exists only where the CPU has the instruction.
            unsafe { $instruction($($argument),*) }
        }
    )*};
}

/// Sixteen numbers; exists only where the CPU has AVX-512F.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    /// # Safety
    /// The CPU has AVX-512F.
    #[inline(always)]
    pub(super) unsafe fn new() -> Self {
        Self(())
    }
}

#[cfg(target_arch = "x86_64")]
impl Simd for Avx512 {
    type Vector = __m512;

    const LANES: usize = 16;
    const ROWS: usize = 12;

    instructions! {
        add(left, right) = _mm512_add_ps;
        sub(left, right) = _mm512_sub_ps;
        mul(left, right) = _mm512_mul_ps;
        div(left, right) = _mm512_div_ps;
        max(left, right) = _mm512_max_ps;
        mul_add(left, right, sum) = _mm512_fmadd_ps;
    }

    #[inline(always)]
    fn fetch(self, at: *const f32) {
        // Safety: a prefetch reads nothing, wherever it points.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }

    #[inline(always)]
    fn splat(self, number: f32) -> __m512 {
        // Safety: `self` exists only where the CPU has the instruction.
        unsafe { _mm512_set1_ps(number) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // Safety: as above, and the caller's promise.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: __m512) {
        // Safety: as above, and the caller's promise.
        unsafe { _mm512_storeu_ps(to, vector) };
    }

    #[inline(always)]
    fn exp2_of_whole(self, power: __m512) -> __m512 {
        // Safety: `self` exists only where the CPU has the instructions.
        unsafe {
            let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(power), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent))
        }
    }
}

/// Eight numbers; exists only where the CPU has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// # Safety
    /// The CPU has AVX2 and FMA.
    #[inline(always)]
    pub(super) unsafe fn new() -> Self {
        Self(())
    }
}

#[cfg(target_arch = "x86_64")]
impl Simd for Avx2 {
    type Vector = __m256;

    const LANES: usize = 8;
    const ROWS: usize = 6;

    instructions! {
        add(left, right) = _mm256_add_ps;
        sub(left, right) = _mm256_sub_ps;
        mul(left, right) = _mm256_mul_ps;
        div(left, right) = _mm256_div_ps;
        max(left, right) = _mm256_max_ps;
        mul_add(left, right, sum) = _mm256_fmadd_ps;
    }

    #[inline(always)]
    fn fetch(self, at: *const f32) {
        // Safety: a prefetch reads nothing, wherever it points.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }

    #[inline(always)]
    fn splat(self, number: f32) -> __m256 {
        // Safety: `self` exists only where the CPU has the instruction.
        unsafe { _mm256_set1_ps(number) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m256 {
        // Safety: as above, and the caller's promise.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: __m256) {
        // Safety: as above, and the caller's promise.
        unsafe { _mm256_storeu_ps(to, vector) };
    }

    #[inline(always)]
    fn exp2_of_whole(self, power: __m256) -> __m256 {
        // Safety: `self` exists only where the CPU has the instructions.
        unsafe {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
        }
    }
}

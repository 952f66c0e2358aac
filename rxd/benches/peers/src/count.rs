//! An allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The system's allocator, with counters.
#[derive(Debug)]
pub struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);
static BLOCKS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is forwarded unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        BLOCKS.fetch_add(1, Relaxed);
        BYTES.fetch_add(layout.size() as u64, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        BLOCKS.fetch_sub(1, Relaxed);
        BYTES.fetch_sub(layout.size() as u64, Relaxed);
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        BYTES.fetch_add((size as u64).wrapping_sub(layout.size() as u64), Relaxed);
        unsafe { System.realloc(ptr, layout, size) }
    }
}

/// The allocations at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Heap {
    /// How many allocations there were so far.
    pub calls: u64,
    /// How many blocks are live.
    pub blocks: u64,
    /// How many bytes are live, as requested.
    pub bytes: u64,
}

impl Heap {
    /// Now.
    pub fn now() -> Self {
        Heap { calls: CALLS.load(Relaxed), blocks: BLOCKS.load(Relaxed), bytes: BYTES.load(Relaxed) }
    }
}

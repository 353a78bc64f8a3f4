// Keeps the screen on while somebody waits or talks, where the browser can.

let lock = null;
let wanted = false;

export function stayAwake(on) {
  if (wanted === on) return;
  wanted = on;
  if (on) ask();
  else if (lock) lock.release().catch(() => {});
}

async function ask() {
  if (!('wakeLock' in navigator) || document.visibilityState !== 'visible') return;
  try {
    lock = await navigator.wakeLock.request('screen');
    if (!wanted) await lock.release();
  } catch {
    // Low battery, or not allowed: the call works without.
  }
}

document.addEventListener('visibilitychange', () => wanted && ask());

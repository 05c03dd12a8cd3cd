// The desktop takes the size of the browser's window in CSS pixels: its letters are as large as those of other pages, also where
// a screen has more pixels than that, and the browser's zoom enlarges them. In a tiny window the picture is shrunk.
import RFB from "/novnc/core/rfb.js";

const LEAST = { w: 1024, h: 600 }; // Scipion's windows need that much
const MOST = { w: 5120, h: 2880 };

// Pure. The size to ask for in a window of that size: of the window's shape, so that it is filled.
export function wanted({ w, h }) {
  const more = Math.max(1, LEAST.w / w, LEAST.h / h);
  return { w: Math.min(MOST.w, Math.floor(w * more)), h: Math.min(MOST.h, Math.floor(h * more)) };
}

// Of several browsers, the one that was used last decides; one that only looks never (the gateway sees to that), nor a hidden tab.
export class Desktop extends RFB {
  constructor(...args) {
    super(...args);
    this.scaleViewport = true; // until the server has followed, and in a browser that does not decide
    this.resizeSession = true;
  }

  takeSize() { this._requestRemoteResize(); }

  // noVNC comes here when it knows that the server can, and half a second after the window's last change.
  _requestRemoteResize() {
    const area = this._screenSize();
    if (document.hidden || this._viewOnly || !this._supportsSetDesktopSize || !area.w || !area.h) return;
    const { w, h } = wanted(area);
    if (w === this._fbWidth && h === this._fbHeight) return;
    RFB.messages.setDesktopSize(this._sock, w, h, this._screenID, this._screenFlags);
  }

  // A fraction of a pixel more in the window blurs no letter.
  _updateScale() {
    super._updateScale();
    if (Math.abs(this._display.scale - 1) < 0.002) this._display.scale = 1;
  }
}

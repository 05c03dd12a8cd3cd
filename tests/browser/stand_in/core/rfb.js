// Stands in for noVNC: the first bytes are the picture, and each key goes to the gateway as RFB's message.
const MODIFIERS = { Shift: 0xffe1, Control: 0xffe3 }; // X's numbers

export default class RFB extends EventTarget {
  constructor(target, socket) {
    super();
    this._target = target;
    this._screen = document.createElement("div");
    this._canvas = this._screen.appendChild(document.createElement("canvas"));
    this._canvas.tabIndex = -1;
    target.append(this._screen);
    for (const type of ["keydown", "keyup"]) this._canvas.addEventListener(type, (event) => {
      const letter = MODIFIERS[event.key] ?? event.key.charCodeAt(0);
      this._socket.send(new Uint8Array([4, type === "keydown", 0, 0, 0, 0, letter >> 8, letter & 0xff]));
    });
    this._socket = socket;
    this._socket.onmessage = () => {
      this._socket.onmessage = null;
      this._socket.send(new TextEncoder().encode("RFB 003.008\n"));
      this._paint();
      this.dispatchEvent(new CustomEvent("connect"));
    };
    this._socket.onclose = () => {
      this._screen.remove();
      this.dispatchEvent(new CustomEvent("disconnect"));
    };
  }

  _paint() {
    const context = this._canvas.getContext("2d");
    for (const [index, colour] of ["red", "green", "blue"].entries()) {
      context.fillStyle = colour;
      context.fillRect(index * 100, 0, 100, 150);
    }
  }

  _updateScale() {}
  _screenSize() { return { w: 0, h: 0 }; }
  focus() { this._canvas.focus(); }
  disconnect() { this._socket.close(); }
  clipboardPasteFrom(text) { this._socket.send(new TextEncoder().encode(`[${text}]`)); }
}

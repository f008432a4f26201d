// Devices of a fake Live set, Racks and Drum Racks, and the parameters of Max devices. They are methods of Live: see
// live.js.
"use strict";

const { Thing, fieldsOf } = require("./live_thing.js");
const { snap } = require("./lom.js");

const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

const devices = {
  addDevice(track, options) {
    return this._addDevice(track, (options && options.racks) || 0, {
      type: "MaxDevice",
      name: "Latent Bridge",
      class_name: "MxDeviceMidiEffect",
    });
  },

  // A parameter of a Max device. What changes it: a hand that turns it, once for each time that it is taken hold of; its patch,
  // which sets or assigns it; automation. Live keeps a step of undo for each change but of hidden ones, automation, and an
  // assign to one that is stored only (Ableton/maxdevtools, m4l-production-guidelines: Undo History;
  // docs.cycling74.com/max5/refpages/ m4l-ref/live.dial.html: assign). Whether a silent `set` is a step no page says: it is one
  // here.
  addParameter(device, fields) {
    if (device.parameters.some(({ name }) => name === fields.name)) throw new Error(`two parameters are named ${fields.name}`);
    const parameter = new Thing(this, "DeviceParameter", device, fields);
    parameter.write = (value, how) => this._writeParameter(parameter, value, how);
    device.parameters = [...device.parameters, parameter];
    return parameter;
  },

  // Before a device is loaded anew: its parameters are made again by its patch.
  forgetParameters(device) {
    device.parameters = [];
  },

  // Whether a device can be seen: Device View shows the devices of the selected track.
  isInView(device) {
    return this.trackOf(device) === this.view.selected_track;
  },

  addDrumRack(track, pads, options) {
    const rack = this._addDevice(track, (options && options.racks) || 0, {
      type: "RackDevice",
      name: "Drum Rack",
      class_name: "DrumGroupDevice",
      chains: [],
    });
    rack.pads = Array.from({ length: 128 }, (_, note) => {
      const pad = new Thing(this, "DrumPad", rack, {
        note,
        name: pads[note] || NAMES[note % 12] + (Math.floor(note / 12) - 2),
      });
      pad.chains = [];
      if (pads[note]) {
        const chain = new Thing(this, "DrumChain", rack, { name: pads[note], devices: [], mute: 0, solo: 0, color: snap(0) });
        rack.chains.push(chain);
        pad.chains.push(chain);
      }
      return pad;
    });
    return rack;
  },

  // A device is copied to a track; its parameters come with its patch.
  copyDevice(device, track) {
    const copy = this._copyDevice(device, track, new Map());
    track.devices = [...track.devices, copy];
    return copy;
  },

  _writeParameter(parameter, value, how) {
    const isSame = JSON.stringify(parameter.value) === JSON.stringify(value);
    const isKept = parameter.visibility < 2 && how !== "automated" && !(how === "assigned" && parameter.visibility === 1);
    if (isSame) return false;
    if (!isKept) parameter.value = value;
    else {
      const by = how === "turned" ? null : this.deviceOf(parameter);
      this.asStep(null, () => this.change(parameter, "value", value), null, { by, what: `parameter ${parameter.name}` });
    }
    if (how === "automated") parameter.tell(value);
    return true;
  },

  deviceOf(parameter) {
    return parameter.parent;
  },

  _addDevice(parent, racks, fields) {
    if (racks) {
      const rack = this._addDevice(parent, 0, {
        type: "RackDevice",
        name: "Rack",
        class_name: "MidiEffectGroupDevice",
        pads: [],
      });
      const chain = new Thing(this, "Chain", rack, { name: "Chain", devices: [], mute: 0, solo: 0, color: snap(0) });
      rack.chains = [chain];
      return this._addDevice(chain, racks - 1, fields);
    }
    const { type, ...rest } = fields;
    const device = new Thing(this, type, parent, Object.assign({ parameters: [], is_active: 1, pads: [] }, rest));
    parent.devices = [...parent.devices, device];
    return device;
  },

  // The device under this one or itself that is a Max device, on a track.
  maxDeviceOf(thing) {
    for (const device of thing.devices) {
      if (device.type === "MaxDevice") return device;
      const inner = (device.chains || []).map((chain) => this.maxDeviceOf(chain)).find((found) => found);
      if (inner) return inner;
    }
    return null;
  },

  _copyDevice(device, parent, owners) {
    const copy = new Thing(this, device.type, parent, { ...fieldsOf(device), parameters: [] });
    owners.set(device, copy);
    if (device.chains)
      copy.chains = device.chains.map((chain) => {
        const own = new Thing(this, chain.type, copy, fieldsOf(chain));
        own.devices = chain.devices.map((one) => this._copyDevice(one, own, owners));
        return own;
      });
    return copy;
  },
};

module.exports = { devices };

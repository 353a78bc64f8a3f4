// A person who joins with @pexip/infinity, as published. Tests ask `person.client` for things and read what it told.
import {
  ClientCallType,
  createCallSignals,
  createInfinityClient,
  createInfinityClientSignals,
} from "@pexip/infinity";

const signals = createInfinityClientSignals([], { batchScheduleTimeoutMS: 50, batchBufferSize: 10 });
const calls = createCallSignals([]);
const told = [];
for (const [name, signal] of Object.entries({ ...signals, ...calls }))
  signal.add((value) => told.push({ name, value: value instanceof MediaStream ? null : value }));

calls.onRemoteStream.add((stream) => {
  document.querySelector("audio").srcObject = stream;
});

const client = createInfinityClient(signals, calls);

async function join({ host, room, name, pin, video }) {
  const mediaStream = await navigator.mediaDevices.getUserMedia({ audio: true, video });
  const call = { conferenceAlias: room, displayName: name, host, pin, mediaStream, bandwidth: 1264 };
  const callType = video ? ClientCallType.AudioVideoPresentation : ClientCallType.Audio;
  return (await client.call({ ...call, callType }))?.status;
}

async function present() {
  client.present(await navigator.mediaDevices.getDisplayMedia({ video: true }));
}

window.person = { client, told, join, present };

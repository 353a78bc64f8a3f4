// A call with sound, a camera and slides that speaks the client API by itself, from any page of the bridge: what tests
// of the bridge use where the page itself is not what is looked at.
//
// about: number, name, pin; layers: the camera is sent in two sizes (simulcast).
async (about) => {
  const base = `/api/client/v2/conferences/${about.number}`;
  let token = "";
  const ask = async (path, body = {}, headers = {}) => {
    const response = await fetch(`${base}/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", ...(token && { token }), ...headers },
    });
    const answer = await response.json();
    if (answer.status !== "success") throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer.result;
  };
  const joined = await ask("request_token", { display_name: about.name }, about.pin ? { pin: about.pin } : {});
  token = joined.token;
  setInterval(async () => (token = (await ask("refresh_token")).token), 40_000);
  const own = `participants/${joined.participant_uuid}`;

  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  connection.addTransceiver(media.getAudioTracks()[0], { streams: [media] });
  const sizes = [
    { rid: "l", scaleResolutionDownBy: 2, maxBitrate: 150_000 },
    { rid: "h", maxBitrate: 1_200_000 },
  ];
  const camera = connection.addTransceiver(media.getVideoTracks()[0], {
    streams: [media],
    ...(about.layers && { sendEncodings: sizes }),
  });
  const slides = connection.addTransceiver("video", { direction: "sendrecv" });
  await connection.setLocalDescription();
  // Browsers have no way to say so themselves.
  const sections = connection.localDescription.sdp.split(/(?=^m=)/m);
  sections[3] += "a=content:slides\r\n";
  const answer = await ask(`${own}/calls`, { call_type: "WEBRTC", sdp: sections.join("") });
  await connection.setRemoteDescription({ type: "answer", sdp: answer.sdp });
  await ask(`${own}/calls/${answer.call_uuid}/ack`);

  window.caller = {
    uuid: joined.participant_uuid,
    answer: answer.sdp,
    ask,
    // Take the place before the eyes of all, and show the screen.
    share: async () => {
      const screen = await navigator.mediaDevices.getDisplayMedia({ video: true });
      await ask(`${own}/take_floor`);
      await slides.sender.replaceTrack(screen.getVideoTracks()[0]);
    },
    unshare: async () => {
      slides.sender.track?.stop();
      await slides.sender.replaceTrack(null);
      await ask(`${own}/release_floor`);
    },
    darken: () => camera.sender.replaceTrack(null),
    leave: async () => {
      await ask("release_token");
      connection.close();
    },
  };
  return joined.participant_uuid;
}

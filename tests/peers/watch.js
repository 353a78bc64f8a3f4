// Put in before a page's own scripts, in any browser: watches its peer connections, gives it a microphone, a camera and
// a screen of the test's, and changes what it is told of the network where a test asks for that. The page needs no change.
//
// settings: tone [Hz] (0 = the browser's own fake microphone); camera, screen: a colour of CSS for the pictures of either
// ("" = the browser's own); width, height of the camera's; relay: use TURN alone; tcp: leave only TCP candidates;
// ports: {"from": to} of the candidates that it is told; old: be a browser that lacks what the page needs.
(settings) => {
  if (settings.old) delete window.RTCPeerConnection;
  const watched = (window.watched = { connections: [], tracks: [] });
  const Connection = window.RTCPeerConnection;
  const devices = navigator.mediaDevices;
  if (!Connection || !devices) return;

  window.RTCPeerConnection = new Proxy(Connection, {
    construct(target, [configuration, ...rest]) {
      const made = new target({ ...configuration, ...(settings.relay && { iceTransportPolicy: "relay" }) }, ...rest);
      watched.connections.push(made);
      made.addEventListener("track", (event) => watched.tracks.push(event.track));
      return made;
    },
  });

  const wanted = (line) => !settings.tcp || !/^a=candidate:\S+ \d+ udp /i.test(line);
  const moved = (line) =>
    line.replace(/^(a=candidate:(?:\S+ ){5})(\d+)/, (_, start, port) => start + ((settings.ports || {})[port] || port));
  const setRemote = Connection.prototype.setRemoteDescription;
  Connection.prototype.setRemoteDescription = function (description) {
    const sdp = description.sdp.split("\r\n").filter(wanted).map(moved).join("\r\n");
    return setRemote.call(this, { type: description.type, sdp });
  };

  // Echo cancelling and noise suppression take a steady tone away.
  const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const getUserMedia = devices.getUserMedia.bind(devices);
  const oscillator = () => {
    const context = new AudioContext();
    const source = new OscillatorNode(context, { frequency: settings.tone });
    const out = new MediaStreamAudioDestinationNode(context);
    source.connect(new GainNode(context, { gain: 0.3 })).connect(out);
    source.start();
    return out.stream.getAudioTracks()[0];
  };
  // A colour, and a white mark that moves below it: 15 pictures a second.
  const painter = (colour, width, height) => {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const brush = canvas.getContext("2d");
    const edge = Math.round(height / 10);
    let at = 0;
    const paint = () => {
      brush.fillStyle = colour;
      brush.fillRect(0, 0, width, height);
      brush.fillStyle = "white";
      brush.fillRect((at += 7) % (width - edge), height - edge, edge, edge);
    };
    paint();
    const clock = setInterval(paint, 1000 / 15);
    const [track] = canvas.captureStream(15).getVideoTracks();
    const stop = track.stop.bind(track);
    track.stop = () => {
      clearInterval(clock);
      stop();
    };
    return track;
  };
  devices.getDisplayMedia = ((own) => async (constraints) =>
    settings.screen ? new MediaStream([painter(settings.screen, 1280, 720)]) : own(constraints))(
    devices.getDisplayMedia?.bind(devices),
  );
  devices.getUserMedia = async (constraints) => {
    const audio = constraints.audio && { ...(constraints.audio === true ? {} : constraints.audio), ...raw };
    const video = !settings.camera && constraints.video;
    const asked = audio || video;
    const stream = asked ? await getUserMedia({ ...constraints, audio, video }) : new MediaStream();
    if (constraints.video && settings.camera)
      stream.addTrack(painter(settings.camera, settings.width, settings.height));
    if (audio && settings.tone) {
      stream.getAudioTracks().forEach((track) => {
        stream.removeTrack(track);
        track.stop();
      });
      stream.addTrack(oscillator());
    }
    return stream;
  };

  // What the live remote tracks bring during so many milliseconds, as base64 of what MediaRecorder makes of them.
  watched.record = (duration) =>
    Promise.all(
      watched.tracks
        .filter((track) => track.kind === "audio" && track.readyState === "live")
        .map(async (track) => {
          const stream = new MediaStream([track]);
          const player = new Audio(); // Chromium decodes a remote track only while something plays it
          player.muted = true;
          player.srcObject = stream;
          player.play();
          const recorder = new MediaRecorder(stream, { audioBitsPerSecond: 128000 });
          const parts = [];
          recorder.ondataavailable = (event) => parts.push(event.data);
          const stopped = new Promise((done) => (recorder.onstop = done));
          recorder.start();
          await new Promise((done) => setTimeout(done, duration));
          recorder.stop();
          await stopped;
          player.srcObject = null;
          const octets = new Uint8Array(await new Blob(parts).arrayBuffer());
          let text = "";
          for (let start = 0; start < octets.length; start += 8192)
            text += String.fromCharCode(...octets.subarray(start, start + 8192));
          return btoa(text);
        }),
    );

  // What a live remote video track shows now: 0 is the first of them in the description. As base64 of a PNG; "" = nothing.
  const players = new Map();
  const play = (track) => {
    if (!players.has(track)) {
      const player = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
      player.srcObject = new MediaStream([track]);
      player.play();
      players.set(track, player);
    }
    return players.get(track);
  };
  watched.see = async (index) => {
    const live = [...new Set(watched.tracks)].filter((each) => each.kind === "video" && each.readyState === "live");
    if (!live[index]) return "";
    const player = play(live[index]);
    for (let tries = 0; tries < 20 && player.readyState < 2; tries++) await new Promise((done) => setTimeout(done, 100));
    if (player.readyState < 2) return "";
    const canvas = Object.assign(document.createElement("canvas"), { width: player.videoWidth, height: player.videoHeight });
    canvas.getContext("2d").drawImage(player, 0, 0);
    return canvas.toDataURL("image/png").split(",")[1];
  };

  // One object for each RTP stream and the chosen candidate pair of the connections that are open.
  watched.statistics = async () => {
    const found = [];
    for (const connection of watched.connections.filter((each) => each.connectionState !== "closed")) {
      const all = new Map([...(await connection.getStats()).entries()]);
      for (const each of all.values()) {
        if (each.type === "inbound-rtp" || each.type === "outbound-rtp")
          found.push({ ...each, codec: (all.get(each.codecId) || {}).mimeType });
        const pair = each.type === "transport" && all.get(each.selectedCandidatePairId);
        if (pair) found.push({ ...pair, local: all.get(pair.localCandidateId), remote: all.get(pair.remoteCandidateId) });
      }
    }
    return found;
  };
}

// What lies over the room: one person's actions, the invitation, the devices, "end for all?".

import { button, h, icon, redraw, show, write } from '../dom.js';
import { t } from '../i18n.js';
import { layoutDialog } from './layouts.js';
import { deviceChoices, meter, microphoneTrouble, toneCheck } from './parts.js';

const KINDS = { person: personDialog, end: endDialog, invite: inviteDialog, devices: devicesDialog, layout: layoutDialog };

/** Shows the dialog that the state names; the browser keeps the focus in it and gives it back. */
export function dialogs(context) {
  const element = h('div', {});
  let open = null;
  const close = () => context.dispatch({ type: 'dialog-closed' });
  const update = (state) => {
    const wanted = state.dialog ? `${state.dialog.kind}/${state.dialog.uuid || ''}` : '';
    if (open && open.name !== wanted) {
      const { part, box } = open;
      open = null;
      if (part.gone) part.gone();
      if (box.open) box.close();
      box.remove();
      context.announcer.lend(null);
    }
    if (wanted && !open) open = { name: wanted, ...shown(context, state, element, close) };
    if (open) open.part.update(state);
  };
  return { element, update };
}

function shown(context, state, place, close) {
  const part = KINDS[state.dialog.kind](context, state, close);
  const heading = h(
    'h2',
    { class: 'dialog-title', id: 'dialog-title', tabindex: '-1', dir: 'auto' },
    part.title,
  );
  const shut = button({
    kind: 'quiet square',
    drawing: 'cross',
    text: t('dialog.close'),
    quiet: true,
    onclick: close,
  });
  const box = h(
    'dialog',
    {
      class: 'dialog',
      'aria-labelledby': 'dialog-title',
      onclose: close,
      onclick: (event) => event.target === box && close(),
    },
    h(
      'div',
      { class: 'dialog-body' },
      h('div', { class: 'dialog-head' }, heading, shut.element),
      part.element,
    ),
  );
  place.append(box);
  box.showModal();
  heading.focus();
  // What lies under a dialog is not read out, so it gets live regions of its own.
  context.announcer.lend(box);
  return { part, box };
}

function personDialog(context, state, close) {
  const { uuid } = state.dialog;
  const { commands } = context;
  const act = (command) => async () => {
    close();
    await command();
  };
  let one = state.people[uuid];
  const mute = button({
    kind: 'secondary wide',
    drawing: 'mic-off',
    onclick: act(() => commands.mute(uuid, !one.muted)),
  });
  const hand = button({
    kind: 'secondary wide',
    drawing: 'hand',
    text: t('host.lower-hand'),
    onclick: act(() => commands.lowerHand(uuid)),
  });
  const spotlight = button({
    kind: 'secondary wide',
    drawing: 'spotlight',
    onclick: act(() => commands.spotlight(uuid, !one.spotlight)),
  });
  const interpreter = button({
    kind: 'secondary wide',
    drawing: 'interpreter',
    onclick: act(() => commands.interpreter(uuid, !one.interpreter)),
  });
  const picture = button({
    kind: 'secondary wide',
    drawing: 'camera-off',
    onclick: act(() => commands.hidePicture(uuid, !one.hiddenByHost)),
  });
  const host = button({
    kind: 'secondary wide',
    drawing: 'host',
    text: t('host.make-host'),
    onclick: act(() => commands.makeHost(uuid)),
  });
  const remove = button({
    kind: 'danger wide',
    drawing: 'leave',
    text: t('host.remove'),
    onclick: act(() => commands.remove(uuid)),
  });
  const element = h(
    'div',
    { class: 'stack tight' },
    mute.element,
    hand.element,
    spotlight.element,
    interpreter.element,
    picture.element,
    host.element,
    remove.element,
  );
  const update = (now) => {
    one = now.people[uuid] || one;
    redraw(mute.picture, one.muted ? 'mic' : 'mic-off');
    write(mute.label, t(one.muted ? 'host.unmute' : 'host.mute'));
    write(spotlight.label, t(one.spotlight ? 'host.spotlight-off' : 'host.spotlight'));
    write(interpreter.label, t(one.interpreter ? 'host.interpreter-off' : 'host.interpreter'));
    redraw(picture.picture, one.hiddenByHost ? 'camera' : 'camera-off');
    write(picture.label, t(one.hiddenByHost ? 'host.show-picture' : 'host.hide-picture'));
    show(picture.element, one.how !== 'phone');
    show(hand.element, one.hand > 0);
    show(host.element, one.role !== 'host');
  };
  return { element, update, title: one.label || t('people.nameless') };
}

function endDialog(context, state, close) {
  const end = button({
    kind: 'danger wide',
    drawing: 'end',
    text: t('end.yes'),
    onclick: () => {
      close();
      context.commands.endForAll();
    },
  });
  const stay = button({ kind: 'secondary wide', text: t('end.no'), onclick: close });
  const element = h(
    'div',
    { class: 'stack' },
    h('p', {}, t('end.text')),
    h('div', { class: 'stack tight' }, end.element, stay.element),
  );
  return { element, update: () => {}, title: t('end.title') };
}

function inviteDialog(context, state) {
  const element = h('div', { class: 'stack' }, h('p', { class: 'field-hint' }, t('joining.text')));
  context.commands.invitation().then((invitation) => {
    if (invitation) element.replaceChildren(...inviteParts(state.seat, invitation));
    else context.dispatch({ type: 'dialog-closed' });
  });
  return { element, update: () => {}, title: t('host.invite') };
}

function inviteParts(seat, { number, sip, link }) {
  const result = h('p', { class: 'invite-result', role: 'status' });
  const said = (done) => {
    result.replaceChildren(icon(done ? 'check' : 'warning'), t(done ? 'invite.copied' : 'invite.not-copied'));
    result.dataset.done = String(done);
  };
  const line = (drawing, label, text) => {
    const copy = button({
      kind: 'quiet square',
      drawing: 'copy',
      quiet: true,
      text: t('invite.copy-one', { what: label }),
      onclick: async () => said(await taken(text)),
    });
    return h(
      'li',
      { class: 'invite-line' },
      icon(drawing),
      h(
        'div',
        { class: 'invite-words' },
        h('p', { class: 'invite-kind' }, label),
        h('p', { class: 'invite-text', dir: 'ltr' }, text),
      ),
      copy.element,
    );
  };
  const whole = [
    t('invite.mail', { room: seat.roomName || seat.room }),
    `${t('invite.link')}: ${link}`,
    sip && `${t('invite.sip')}: ${sip}`,
    `${t('invite.number')}: ${number}`,
  ]
    .filter(Boolean)
    .join('\n')
    .replace(/[\u2068\u2069]/g, '');
  const all = button({
    kind: 'primary wide',
    drawing: 'copy',
    text: t('invite.copy'),
    onclick: async () => said(await taken(whole)),
  });
  const lines = h(
    'ul',
    { class: 'invite' },
    line('browser', t('invite.link'), link),
    sip && line('screen', t('invite.sip'), sip),
    line('phone', t('invite.number'), number),
  );
  return [lines, h('p', { class: 'field-hint' }, t('invite.no-pin')), all.element, result];
}

/** Copies; false where the browser does not let us. */
async function taken(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function devicesDialog(context) {
  const level = meter(context);
  const trouble = microphoneTrouble(context);
  const choices = deviceChoices(context);
  const levelLine = h('div', { class: 'level' }, icon('mic'), level.element);
  const element = h(
    'div',
    { class: 'stack' },
    trouble.element,
    levelLine,
    choices.element,
    toneCheck(context),
  );
  const update = (state) => {
    trouble.update(state);
    choices.update(state);
    show(levelLine, state.microphone.status === 'ok');
  };
  return { element, update, title: t('control.devices'), gone: () => level.gone() };
}

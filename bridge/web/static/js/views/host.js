// What a host can do with the room as a whole.

import { button, h, redraw, show, write } from '../dom.js';
import { t } from '../i18n.js';
import { isHost } from '../state.js';

export function hostTools(context) {
  const open = (kind) => () => context.dispatch({ type: 'dialog-opened', dialog: { kind } });
  let conference = { locked: false, guestsMuted: false };
  const lock = button({
    kind: 'tool',
    drawing: 'lock',
    onclick: () => context.commands.lock(!conference.locked),
  });
  const mute = button({
    kind: 'tool',
    drawing: 'mic-off',
    onclick: () => context.commands.muteGuests(!conference.guestsMuted),
  });
  const invite = button({
    kind: 'tool',
    drawing: 'invite',
    text: t('host.invite'),
    onclick: open('invite'),
    'aria-haspopup': 'dialog',
  });
  const end = button({
    kind: 'tool danger-quiet',
    drawing: 'end',
    text: t('host.end'),
    onclick: open('end'),
    'aria-haspopup': 'dialog',
  });
  const element = h(
    'section',
    { class: 'host-tools', 'aria-labelledby': 'host-heading' },
    h('h2', { id: 'host-heading', class: 'unseen' }, t('host.title')),
    lock.element,
    mute.element,
    invite.element,
    end.element,
  );
  const update = (state) => {
    conference = state.conference;
    show(element, isHost(state));
    redraw(lock.picture, conference.locked ? 'unlock' : 'lock');
    write(lock.label, conference.locked ? t('host.unlock') : t('host.lock'));
    redraw(mute.picture, conference.guestsMuted ? 'mic' : 'mic-off');
    write(mute.label, conference.guestsMuted ? t('host.unmute-all') : t('host.mute-all'));
  };
  return { element, update };
}
